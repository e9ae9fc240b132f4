package debug

import (
	"context"
	"encoding/json"
	"os"
	"sync"

	"github.com/kubetunnel/kubetunnel/engine/sandbox"
	"github.com/kubetunnel/kubetunnel/protocol"
)

// Launched is the debugger of a session whose adapter lives in the editor: the editor
// starts the debuggee, by a command line that joins the sandbox, and tells the session's
// end. It has no goroutine.
type Launched struct {
	host Host
	once sync.Once
	done chan struct{}
}

// ModeOf tells where the adapter of a launch configuration lives, "" when it is not known.
func ModeOf(launch json.RawMessage) protocol.Mode {
	c, err := parseConfig(launch, "")
	if err != nil {
		return ""
	}
	if a := c.adapter(); a != nil {
		return a.mode
	}
	return ""
}

// Served gives the command of a debuggee that the session starts itself, and to whose
// debug server the editor's adapter attaches: at the port of the workstation that its
// configuration names, also before the program is there. It is nil where the editor
// starts the debuggee.
func Served(launch json.RawMessage, folder string, box sandbox.Sandbox) (*protocol.Command, error) {
	c, err := parseConfig(launch, folder)
	if err != nil {
		return nil, err
	}
	a := c.adapter()
	if a == nil || a.command == nil {
		return nil, nil
	}
	checkCommon(c, protocol.Target{})
	a.resolve(c)
	if failed := c.failed(); failed != nil {
		return nil, failed
	}
	inner, at := c.inner(), 0
	if inner == nil || json.Unmarshal(c.values["port"], &at) != nil {
		return nil, protocol.Errorf(protocol.CodeBadLaunch, "launch configuration: the editor's own debugger attaches to the program of this type: start the session with what session/resolve gives for its ID")
	}
	inside, err := freeAddress(context.Background())
	if err != nil {
		return nil, protocol.Errorf(protocol.CodeSandboxFailed, "there is no free port for the debug server: %w", err)
	}
	port := int(inside.Port())
	if _, err := box.Expose(sandbox.Exposure{Port: port, At: at, Wait: true}); err != nil {
		return nil, protocol.Errorf(protocol.CodeSandboxFailed, "port %d of 127.0.0.1, where the debugger is to attach, can't be had: %w: start the session again", at, err)
	}
	command := a.command(inner, port)
	return &command, nil
}

// NewLaunched prepares for a debuggee that the editor starts.
func NewLaunched(launch json.RawMessage, folder string, host Host) (*Launched, error) {
	if err := CheckLaunch(launch, folder); err != nil {
		return nil, err
	}
	return &Launched{host: host, done: make(chan struct{})}, nil
}

// NewOutside is the debugger of a program that the editor starts by itself, on the workstation.
func NewOutside(host Host) *Launched { return &Launched{host: host, done: make(chan struct{})} }

// Endpoint is nil: the editor speaks DAP with its own adapter.
func (l *Launched) Endpoint() *protocol.Endpoint { return nil }

// Restart is the editor's.
func (l *Launched) Restart(context.Context) error {
	return protocol.Errorf(protocol.CodeAdapterFailed, "the debugger is the editor's own: start the program again there")
}

// Terminate sends new calls to the origin; what runs ends with the sandbox.
func (l *Launched) Terminate(ctx context.Context) {
	l.once.Do(func() {
		l.host.BeforeEnd(ctx)
		close(l.done)
	})
}

// Fail tells the user that the session can't be had.
func (l *Launched) Fail(err error) {
	l.host.Output("stderr", "kubetunnel: "+errorText(asProtocolError(err, protocol.CodeAdapterFailed))+"\n")
}

// Done is closed when the session was told to end.
func (l *Launched) Done() <-chan struct{} { return l.done }

// Result tells how it ended.
func (l *Launched) Result() (reason string, exitCode *int, err error) {
	return "the session was stopped", nil, nil
}

// Close ends it. It may be called twice.
func (l *Launched) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

// ExecLine is the command line by which a program joins a session of that id, up to the
// flags and the program itself.
func ExecLine(id string) []string {
	self, err := os.Executable()
	if err != nil || id == "" {
		return nil
	}
	return []string{self, "exec", "--session", id}
}

// joinedBy is a command line that joins a session and runs a program there; variables of
// these names stay as the one who starts it has them, whatever the pod says.
func joinedBy(prefix, keep []string, program ...string) []string {
	line := append([]string(nil), prefix...)
	for _, name := range keep {
		line = append(line, "--keep", name)
	}
	return append(append(line, "--"), program...)
}

// KeepEnvironment makes the environment of a debuggee whose own variables are those of
// the names in keep: what its starter has not, it has not.
func KeepEnvironment(own, pod, extra, keep []string) []string {
	user := variables{}
	for _, name := range keep {
		user[name] = nil
		if value, set := findEnv(own, name); set {
			user.set(name, value)
		}
	}
	return MergeEnvironment(own, pod, extra, user)
}
