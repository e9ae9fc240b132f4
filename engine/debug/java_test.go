//go:build unix

package debug

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kubetunnel/kubetunnel/engine/sandbox"
	"github.com/kubetunnel/kubetunnel/protocol"
)

// javaFolder is a workspace with classes where Maven puts them.
func javaFolder(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	for _, name := range []string{"target/classes", "target/dependency"} {
		if err := os.MkdirAll(filepath.Join(folder, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

func resolveJavaIn(t *testing.T, folder, launch string, exec []string) *protocol.ResolveSessionResult {
	t.Helper()
	result, err := Resolve(protocol.Target{Service: "stock"}, json.RawMessage(launch), ResolveOptions{Folder: folder, Env: os.Environ(), Exec: exec})
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func TestJavaIsAttachedToWhatTheSessionStarts(t *testing.T) {
	folder := javaFolder(t)
	const launch = `{"type":"java","request":"launch","name":"Stock","mainClass":"shop.Stock","projectName":"stock","args":"a 'b c'","vmArgs":["-Xmx64m"],"env":{"PORT":80},"kubetunnel":{"service":"stock"}}`
	result := resolveJavaIn(t, folder, launch, []string{"/bin/tunnel-server", "exec", "--session", "one"})
	if len(result.Diagnostics) > 0 || result.Mode != protocol.ModeLauncher || result.Adapter != "java" {
		t.Fatalf("%+v", result)
	}
	var got struct {
		Type, Request, Name, HostName, ProjectName, MainClass string
		Port                                                  int
	}
	if err := json.Unmarshal(result.Launch, &got); err != nil {
		t.Fatal(err)
	}
	if got.Type != "java" || got.Request != "attach" || got.Name != "Stock" || got.HostName != "127.0.0.1" || got.ProjectName != "stock" || got.MainClass != "" || got.Port == 0 {
		t.Errorf("%s", result.Launch)
	}
	again := resolveJavaIn(t, folder, string(result.Launch), []string{"/bin/tunnel-server", "exec", "--session", "one"})
	if string(again.Launch) != string(result.Launch) || len(again.Diagnostics) > 0 {
		t.Errorf("resolved again: %s, %+v", again.Launch, again.Diagnostics)
	}
	command, err := Served(result.Launch, folder, newBox(t, shortDir(t)))
	if err != nil || command == nil {
		t.Fatal(err)
	}
	want := []string{
		"-Xmx64m", "-cp", filepath.Join(folder, "target/classes") + ":" + filepath.Join(folder, "target/dependency/*"), "shop.Stock", "a", "b c",
	}
	if !strings.HasPrefix(command.Args[1], "-agentlib:jdwp=transport=dt_socket,server=y,suspend=y,") || !slices.Equal(command.Args[2:], want) {
		t.Errorf("command %q", command.Args)
	}
	if command.Cwd != folder || *command.Env["PORT"] != "80" {
		t.Errorf("in %s with %v", command.Cwd, command.Env)
	}
	if without := resolveJavaIn(t, folder, launch, nil); strings.Contains(string(without.Launch), `"attach"`) {
		t.Errorf("without a session's id: %s", without.Launch)
	}
}

// Who attaches before the program listens is served when it does.
func TestADebuggerThatComesEarlyWaitsForTheProgram(t *testing.T) {
	result := resolveJavaIn(t, javaFolder(t), `{"type":"java","mainClass":"Main"}`, []string{"/bin/tunnel-server"})
	box := newBox(t, shortDir(t))
	command, err := Served(result.Launch, "", box)
	if err != nil {
		t.Fatal(err)
	}
	var outside struct{ Port int }
	if err := json.Unmarshal(result.Launch, &outside); err != nil {
		t.Fatal(err)
	}
	debugger, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", outside.Port))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = debugger.Close() }()
	if _, err := io.WriteString(debugger, "JDWP-Handshake"); err != nil {
		t.Fatal(err)
	}
	_, inside, _ := strings.Cut(command.Args[1], "address=")
	_, port, err := net.SplitHostPort(inside)
	if err != nil {
		t.Fatal(err)
	}
	const program = "import socket, sys; conn, _ = socket.create_server(('127.0.0.1', int(sys.argv[1]))).accept(); conn.sendall(conn.recv(14))"
	process, err := box.Start(t.Context(), sandbox.Command{Args: []string{"python3", "-c", program, port}, Env: os.Environ()})
	if err != nil {
		t.Fatal(err)
	}
	heard, err := io.ReadAll(debugger)
	if err != nil || string(heard) != "JDWP-Handshake" {
		t.Errorf("the program has heard %q, %v", heard, err)
	}
	if code, err := process.Wait(t.Context()); err != nil || code != 0 {
		t.Errorf("the program has ended with %d, %v", code, err)
	}
}

func TestAPortThatIsTakenMeanwhileIsTold(t *testing.T) {
	result := resolveJavaIn(t, javaFolder(t), `{"type":"java","mainClass":"Main"}`, []string{"/bin/tunnel-server"})
	var outside struct{ Port int }
	if err := json.Unmarshal(result.Launch, &outside); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", outside.Port))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	if _, err := Served(result.Launch, "", newBox(t, shortDir(t))); numberOf(err) != protocol.CodeSandboxFailed || !strings.Contains(err.Error(), "start the session again") {
		t.Errorf("got %v", err)
	}
	if _, err := Served(json.RawMessage(`{"type":"java","mainClass":"Main","classPaths":["/tmp"]}`), "", newBox(t, shortDir(t))); numberOf(err) != protocol.CodeBadLaunch {
		t.Errorf("one that was not resolved: %v", err)
	}
	if command, err := Served(json.RawMessage(`{"type":"node","program":"/a.js"}`), "", nil); command != nil || err != nil {
		t.Errorf("the editor starts it: %v, %v", command, err)
	}
}

func TestMistakesInAJavaConfigurationAreToldByTheirField(t *testing.T) {
	folder := javaFolder(t)
	for launch, field := range map[string]string{
		`{"type":"java"}`: "launch.mainClass",
		`{"type":"java","request":"attach","hostName":"localhost","port":5005}`: "launch.request",
		`{"type":"java","mainClass":"src/Main.java"}`:                           "launch.mainClass",
		`{"type":"java","mainClass":"Main","args":{}}`:                          "launch.args",
		`{"type":"java","mainClass":"Main","vmArgs":"'-Dname=x"}`:               "launch.vmArgs",
		`{"type":"java","mainClass":"Main","classPaths":"x"}`:                   "launch.classPaths",
		`{"type":"java","mainClass":"Main","classPaths":["${command:ask}"]}`:    "launch.classPaths",
		`{"type":"java","mainClass":"Main","javaExec":"/none/java"}`:            "launch.type",
		`{"type":"java","mainClass":"Main","noDebug":true}`:                     "launch.noDebug",
		`{"type":"java","mainClass":"Main","env":{"A":[1]}}`:                    "launch.env",
	} {
		result := resolveJavaIn(t, folder, launch, nil)
		if len(result.Diagnostics) == 0 || result.Diagnostics[0].Field != field {
			t.Errorf("%s: %+v", launch, result.Diagnostics)
		}
	}
	if result := resolveJavaIn(t, t.TempDir(), `{"type":"java","mainClass":"Main"}`, nil); len(result.Diagnostics) == 0 || result.Diagnostics[0].Field != "launch.classPaths" {
		t.Errorf("nothing was built: %+v", result.Diagnostics)
	}
}

func TestALineIsTakenApartAsAShellDoes(t *testing.T) {
	for line, want := range map[string][]string{
		"":                            nil,
		"  a  b\t":                    {"a", "b"},
		`-Dname="two words" 'it'`:     {"-Dname=two words", "it"},
		`"a \"quoted\" \n" '\n' b\ c`: {`a "quoted" \n`, `\n`, "b c"},
		`"" ''`:                       {"", ""},
	} {
		if got, err := splitWords(line); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %q, %v", line, got, err)
		}
	}
	for _, line := range []string{`"a`, `'a`, `a\`} {
		if got, err := splitWords(line); err == nil {
			t.Errorf("%s: %q", line, got)
		}
	}
}
