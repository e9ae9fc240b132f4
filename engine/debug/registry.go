package debug

import (
	"slices"

	"github.com/kubetunnel/kubetunnel/protocol"
)

// transport is how an adapter is spoken to.
type transport string

const (
	// transportStdio: DAP on standard input and output.
	transportStdio transport = "stdio"
	// transportReverse: the adapter dials a Unix socket of ours: it listens before
	// the adapter starts, so there is no race.
	transportReverse transport = "reverse"
	// transportUnix: the adapter listens on a Unix socket whose path we choose.
	transportUnix transport = "unix"
	// transportTCP: the adapter listens on a loopback port that we choose.
	transportTCP transport = "tcp"
)

// envForm is how launch arguments carry environment variables.
type envForm string

const (
	// envObject: {"NAME": "value", "GONE": null}.
	envObject envForm = "object"
	// envList: ["NAME=value"].
	envList envForm = "list"
	// envWhole: {"NAME": "value"}, for an adapter that gives the debuggee these and no others.
	envWhole envForm = "whole"
)

// adapter is one entry of the registry: all that is known of a debug adapter.
type adapter struct {
	// name is also the "type" of its launch configurations.
	name string
	// aliases are other types that mean the same.
	aliases []string
	mode    protocol.Mode

	// resolve checks and completes a launch configuration; findings go to the configuration.
	resolve func(c *config)
	// suggest guesses launch configurations for a workspace folder and the file that is open in it.
	suggest func(folder, file string) []guess

	// The rest is for mode proxy.

	// find gives the program to run and its arguments, without the transport's.
	find func(c *config, env []string) ([]string, *protocol.Error)
	// versionArgs make the program tell its version.
	versionArgs []string
	// transport tells how to reach the adapter, and address adds what it must be told for it.
	transport func(c *config) transport
	address   func(args []string, address string) []string
	// dir is the adapter's working folder.
	dir func(c *config) string
	// env says where the debuggee's environment goes in the launch arguments, and how.
	envMember string
	env       envForm
	// builds: the adapter builds with the Go toolchain under the launch arguments' own
	// environment, so the build needs to be shielded from the pod's.
	builds bool
	// unset takes variables out of the debuggee's environment where env can't.
	unset func(c *config, names []string)
	// child leads the editor to the debugger of a child process: it changes what the
	// adapter tells of its port inside the sandbox to one that expose makes outside. own
	// is the port at which the adapter is spoken to, 0 where it is none.
	child func(m *message, own int, expose func(port int) (int, error)) (*message, error)
	// stays: the adapter is a server, which lives on after a disconnect.
	stays bool
	// finish completes launch arguments for this session: dir is its private folder.
	finish func(c *config, dir string)
	// server is the port of an adapter that is there already, as it was started with the
	// program inside the sandbox; 0 when the session is to start one.
	server func(c *config) int
	// process is the member by which a configuration for attaching names a process.
	process string
	// terminal is the kind of the editor's terminal ("integrated", "external") that the
	// configuration wants for the program, "" for none, and noTerminal does without.
	terminal   func(c *config) string
	noTerminal func(c *config)
	// inTerminal: the adapter asks for no terminal, so it is started in there itself.
	inTerminal bool

	// The rest is for mode launcher.

	// launcher rewrites a configuration so that the editor's own adapter starts its
	// debuggee by the command line prefix.
	launcher func(c *config, prefix []string)
	// attach is the other way: it rewrites a configuration so that the editor's own adapter
	// attaches to the debug server of the program at that port of the workstation. The
	// session starts the program itself, by command, whose debug server listens at port.
	attach  func(c *config, port int)
	command func(c *config, port int) protocol.Command
	// alone is the entry that takes its place for an editor that has no such adapter.
	alone string
}

// serverPort is the port of an adapter that is there already, 0 when there is none.
func (a *adapter) serverPort(c *config) int {
	if a.server == nil {
		return 0
	}
	return a.server(c)
}

// registry is the table of adapters.
func registry() []*adapter {
	return []*adapter{delveAdapter(), debugpyAdapter(), lldbAdapter(), nodeAdapter(), jsDebugAdapter(), javaAdapter(), commandAdapter()}
}

// Adapters lists the debug types that can be proxied or launched.
func Adapters() []string {
	var names []string
	for _, a := range registry() {
		names = append(names, a.name)
	}
	return names
}

// lookup finds an adapter by the type of a launch configuration.
func lookup(kind string) *adapter {
	for _, a := range registry() {
		if a.name == kind || slices.Contains(a.aliases, kind) {
			return a
		}
	}
	return nil
}
