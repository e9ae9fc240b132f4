package debug

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kubetunnel/kubetunnel/engine/sandbox"
	"github.com/kubetunnel/kubetunnel/protocol"
)

// inSession is where an attach configuration of ours keeps the launch configuration that
// it stands for: what the session starts.
const inSession = "inSession"

// javaAdapter is the editor's own debugger for the JVM. It attaches by TCP and so can
// attach to what it has not started: the session starts the program, which waits for it.
func javaAdapter() *adapter {
	return &adapter{
		name:    "java",
		mode:    protocol.ModeLauncher,
		resolve: resolveJava,
		find:    findJava,
		attach:  attachJava,
		command: commandJava,
	}
}

func resolveJava(c *config) {
	if c.text("request") == "attach" {
		inner := c.inner()
		if inner == nil {
			c.bad("request", "%s", notMoved("java -agentlib:jdwp=transport=dt_socket,server=y,suspend=n,address=127.0.0.1:5005 …", 5005))
			return
		}
		checkEnv(inner, "env")
		resolveJavaLaunch(inner)
		c.findings = append(c.findings, inner.findings...)
		c.set(inSession, inner.values)
		return
	}
	resolveJavaLaunch(c)
}

// inner is the launch configuration that an attach configuration of ours stands for.
func (c *config) inner() *config {
	var values map[string]json.RawMessage
	if !c.has(inSession) || json.Unmarshal(c.values[inSession], &values) != nil || values == nil {
		return nil
	}
	return &config{folder: c.folder, early: c.early, values: values}
}

func resolveJavaLaunch(c *config) {
	if c.flag("noDebug") {
		c.bad("noDebug", "without its debugger the program is a command: tunnel-server run --service NAME -- java …")
	}
	switch main := c.text("mainClass"); {
	case main == "":
		c.bad("mainClass", "is missing: write the class to run, such as \"com.example.Main\"")
	case strings.HasSuffix(main, ".java"):
		c.bad("mainClass", "%q is a source file: write the class that it is compiled to, such as \"com.example.Main\"", main)
	}
	for _, field := range []string{"args", "vmArgs"} {
		if _, err := options(c, field); err != nil {
			c.bad(field, "%v", err)
		}
	}
	javaPaths(c)
	if c.has("cwd") {
		c.set("cwd", c.path("cwd", ""))
	} else if c.folder != "" {
		c.set("cwd", c.folder)
	}
	if c.has("javaExec") {
		c.set("javaExec", c.path("javaExec", ""))
	}
	envFiles(c)
}

// javaOutputs are where build tools put classes and resources, and Maven's
// dependency:copy-dependencies the libraries.
var javaOutputs = []string{"target/classes", "target/dependency/*", "build/classes/java/main", "build/classes/kotlin/main", "build/resources/main", "bin", "out/production/*"}

// javaPaths makes the class path absolute. One that is not written is what build tools
// have put where they usually do: the editor's own extension, which asks the project's
// build tool, comes only after the configuration was resolved here.
func javaPaths(c *config) {
	found := map[string]int{}
	for _, field := range []string{"classPaths", "modulePaths"} {
		var paths []string
		for _, entry := range c.list(field) {
			if strings.HasPrefix(entry, "$") && !strings.HasPrefix(entry, "${") || strings.HasPrefix(entry, "!") {
				continue // "$Auto" and the like: the extension's words for what it would have found
			}
			one := &config{folder: c.folder, values: map[string]json.RawMessage{}}
			one.set(field, entry)
			if path := one.path(field, ""); path != "" {
				paths = append(paths, path)
			}
			c.findings = append(c.findings, one.findings...)
		}
		if found[field] = len(paths); len(paths) > 0 {
			c.set(field, paths)
		}
	}
	if found["classPaths"]+found["modulePaths"] > 0 || c.failed() != nil {
		return
	}
	var paths []string
	for _, output := range javaOutputs {
		if c.folder == "" {
			break
		}
		folder := filepath.Join(c.folder, filepath.FromSlash(strings.TrimSuffix(output, "/*")))
		if info, err := os.Stat(folder); err != nil || !info.IsDir() {
			continue
		}
		paths = append(paths, filepath.Join(c.folder, filepath.FromSlash(output)))
	}
	if len(paths) == 0 {
		c.absent("classPaths", "is missing, and there are no classes in %s: build the program and write where they are, such as [\"${workspaceFolder}/target/classes\", \"${workspaceFolder}/target/dependency/*\"]", strings.Join(javaOutputs, ", "))
		return
	}
	c.set("classPaths", paths)
}

// findJava takes "javaExec", else JAVA_HOME's, else the one in PATH.
func findJava(c *config, env []string) ([]string, *protocol.Error) {
	if inner := c.inner(); inner != nil {
		c = inner
	}
	if path := c.text("javaExec"); path != "" {
		if _, err := exec.LookPath(path); err != nil {
			return nil, protocol.Errorf(protocol.CodeAdapterMissing, "there is no Java at %s, where \"javaExec\" says: %w", path, cause(err))
		}
		return []string{path}, nil
	}
	if home := getEnv(env, "JAVA_HOME"); home != "" {
		if path, err := exec.LookPath(filepath.Join(home, "bin", "java")); err == nil {
			return []string{path}, nil
		}
	}
	if path, err := sandbox.LookPath("java", "", env); err == nil {
		return []string{path}, nil
	}
	return nil, protocol.Errorf(protocol.CodeAdapterMissing, "Java is neither in JAVA_HOME nor in PATH").
		WithFix(install("a JDK, or name its java by \"javaExec\"", "apt-get install default-jdk-headless", "brew install openjdk", "winget install Microsoft.OpenJDK.21"))
}

// ofJavaLaunch are the members that only a launch has.
var ofJavaLaunch = []string{
	"mainClass", "classPaths", "modulePaths", "args", "vmArgs", "cwd", "env", "envFile", "javaExec", "console", "shortenCommandLine", "encoding", "stopOnEntry",
}

// javaPatience is what the editor's debugger waits for the program, in milliseconds: the
// session may still be on its way.
const javaPatience = 180_000

// attachJava makes a launch configuration one that attaches.
func attachJava(c *config, port int) {
	launch := c.values
	c.values = map[string]json.RawMessage{}
	for name, value := range launch {
		if !slices.Contains(ofJavaLaunch, name) {
			c.values[name] = value
		}
	}
	c.set(inSession, launch)
	c.set("request", "attach")
	c.set("hostName", "127.0.0.1")
	c.set("port", port)
	c.set("timeout", javaPatience)
}

// commandJava is the program, which waits for its debugger at a port.
func commandJava(c *config, port int) protocol.Command {
	java, _ := findJava(c, os.Environ()) // it was found when the configuration was resolved
	line := append(slices.Clone(java), serverOf("java").options(fmt.Sprintf("127.0.0.1:%d", port))...)
	vmArgs, _ := options(c, "vmArgs")
	line = append(line, vmArgs...)
	separator := string(filepath.ListSeparator)
	if paths := c.list("modulePaths"); len(paths) > 0 {
		line = append(line, "--module-path", strings.Join(paths, separator))
	}
	if paths := c.list("classPaths"); len(paths) > 0 {
		line = append(line, "-cp", strings.Join(paths, separator))
	}
	main := c.text("mainClass")
	if strings.Contains(main, "/") {
		line = append(line, "--module")
	}
	args, _ := options(c, "args")
	line = append(append(line, main), args...)
	env, _ := userVariables(c.values["env"])
	return protocol.Command{Args: line, Cwd: c.text("cwd"), Env: env}
}
