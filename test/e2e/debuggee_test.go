package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-dap"

	"github.com/kubetunnel/kubetunnel/protocol"
	"github.com/kubetunnel/kubetunnel/server/servertest"
	"github.com/kubetunnel/kubetunnel/test/cluster"
)

// debuggee is a program in some language, under that language's debugger, in the stead of a
// service of the shop. It listens where LISTEN says.
type debuggee struct {
	// service is what it stands in for, "" for cart; url is what the cluster calls, "" for cart's.
	service, url string
	// source is the file with the breakpoint, by its path in the project. After the line
	// that is marked there, another one of the same function follows.
	source string
	// port is the variable that tells the program its port, beside LISTEN; "" = none.
	port string
	// children: the program is debugged by sessions of their own, which its debugger asks for.
	children bool
	// adapter starts the editor's own debugger, for one that lives there, and tells where it
	// listens; nil for one that lives in the session.
	adapter func(ctx context.Context, t *testing.T) *protocol.Endpoint
	// launch is its launch configuration as people write it, but for "request" and LISTEN in "env".
	launch func(ctx context.Context, t *testing.T, source string) map[string]any
	// When it stands still, an expression is evaluated, and a local variable looked for, whose
	// value begins so.
	expression, want string
	variable, value  string
	// threads is how many threads it has then, at least; goroutines are some.
	threads int
	// answer is in the answer to a call: something that only the pod knows; "" for cart's.
	answer string
}

func (d debuggee) stoodIn() string { return or(d.service, "cart") }

// open makes sure that the service is there.
func (d debuggee) open(t *testing.T) {
	t.Helper()
	if d.service != "" {
		needLanguages(t)
	}
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// debugged is a session of a debuggee.
type debugged struct {
	debuggee
	// Debugger is the one that has stopped last, first the one that the editor has launched.
	*servertest.Debugger
	first    *servertest.Debugger
	family   *family // nil unless it has children
	id       string
	listen   string // the address that the program is told
	path     string // of the source
	line     int
	launched json.RawMessage
	endpoint *protocol.Endpoint
	// asked answers what the debugger asks of the editor; nil = it can't do that.
	asked func(command string, arguments json.RawMessage) (body any, err error)
}

// start starts the session; the program is launched by attach.
func (d debuggee) start(ctx context.Context, t *testing.T, e *servertest.Editor, id string) *debugged {
	t.Helper()
	port := freePort(ctx, t)
	s := &debugged{debuggee: d, id: id, listen: listenOn(port)}
	s.path, s.line = breakpointIn(t, filepath.Join(world.Root, d.source))
	var err error
	if s.launched, err = json.Marshal(d.configuration(ctx, t, s.path, port)); err != nil {
		t.Fatal(err)
	}
	s.launch(ctx, t, e, protocol.Target{Namespace: shop, Service: d.stoodIn(), LocalPort: port})
	return s
}

// configuration is its launch configuration, of which it hears where to listen.
func (d debuggee) configuration(ctx context.Context, t *testing.T, source string, port int) map[string]any {
	t.Helper()
	configuration := d.launch(ctx, t, source)
	env := map[string]string{"LISTEN": listenOn(port)}
	if d.port != "" {
		env[d.port] = strconv.Itoa(port)
	}
	if own, ok := configuration["env"].(map[string]string); ok {
		maps.Copy(env, own)
	}
	configuration["request"], configuration["env"] = or(request(configuration), "launch"), env
	return configuration
}

// launch starts the session as an editor does: with what its configuration comes to.
func (s *debugged) launch(ctx context.Context, t *testing.T, e *servertest.Editor, target protocol.Target) {
	t.Helper()
	resolved, err := e.Server.ResolveSession(ctx, &protocol.ResolveSessionParams{ID: s.id, Target: target, Launch: s.launched})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range resolved.Diagnostics {
		if d.Severity == protocol.SeverityError {
			t.Fatalf("%+v", d)
		}
	}
	s.launched = resolved.Launch
	started, err := e.Server.StartSession(ctx, &protocol.StartSessionParams{ID: s.id, Target: target, Launch: s.launched})
	if err != nil || (started.DAP == nil) != (s.adapter != nil) {
		t.Fatalf("%+v, %v", started, err)
	}
	if s.endpoint = started.DAP; s.adapter != nil {
		s.endpoint = s.adapter(ctx, t)
	}
}

func request(configuration map[string]any) string {
	text, _ := configuration["request"].(string) // "" when it has none
	return text
}

// attach launches the program with the breakpoint, as an editor does it, and waits until
// its Service leads to it.
func (s *debugged) attach(ctx context.Context, t *testing.T, e *servertest.Editor) {
	t.Helper()
	d, err := servertest.DialDAP(ctx, s.endpoint)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	s.Debugger, s.first = d, d
	if s.asked != nil {
		d.OnRequest(s.asked)
	}
	lines := []int{s.line}
	if s.children {
		lines = nil // they come to it
		s.family = newFamily(ctx, t, s)
		d.OnRequest(s.family.asked)
	}
	if err := d.Launch(ctx, s.launched, s.path, lines...); err != nil {
		t.Fatalf("%v\n%s\n%s", err, d.Output(), e.Output(s.id))
	}
	if _, err := e.WaitState(ctx, s.id, protocol.StateLive); err != nil {
		t.Fatalf("%v\n%s\n%s\n%s", err, d.Output(), e.Output(s.id), s.family.told())
	}
}

// restart restarts the program in the same session, by a new connection of the editor.
func (s *debugged) restart(ctx context.Context, t *testing.T, e *servertest.Editor) {
	t.Helper()
	before := e.Session(s.id).Intercept
	if err := s.first.Disconnect(ctx, true); err != nil {
		t.Fatal(err)
	}
	_ = s.first.Close()
	s.waitOrigin(ctx, t) // there is no debuggee
	s.attach(ctx, t, e)
	if now := e.Session(s.id).Intercept; now != before {
		t.Errorf("another Intercept after a restart: %s, was %s", now, before)
	}
}

// stopAtCall lets the cluster call, looks around at the breakpoint and steps; then the call
// is answered.
func (s *debugged) stopAtCall(ctx context.Context, t *testing.T) {
	t.Helper()
	answered := s.callAside(ctx)
	stopped, frame := s.stopped(ctx, t, s.line)
	if value, err := s.Evaluate(ctx, frame.Id, s.expression); err != nil || value != s.want {
		t.Errorf("%s is %s, %v; want %s", s.expression, value, err, s.want)
	}
	locals, err := s.Locals(ctx, frame.Id)
	found := ""
	for _, v := range locals {
		if v.Name == s.variable {
			found = v.Value
		}
	}
	if err != nil || !strings.HasPrefix(found, s.value) {
		t.Errorf("the variable %s is %q, want %q: %+v, %v", s.variable, found, s.value, locals, err)
	}
	if threads, err := s.Threads(ctx); err != nil || len(threads) < s.threads {
		t.Errorf("threads %+v, %v", threads, err)
	}
	if err := s.SetBreakpoints(ctx, s.path); err != nil {
		t.Fatal(err)
	}
	if err := s.Next(ctx, stopped.Body.ThreadId); err != nil {
		t.Fatal(err)
	}
	stopped, _ = s.stopped(ctx, t, s.line+1)
	if err := s.Continue(ctx, stopped.Body.ThreadId); err != nil {
		t.Fatal(err)
	}
	if err := <-answered; err != nil {
		t.Fatal(err)
	}
}

// stopped waits until the program stands still in a line of the source.
func (s *debugged) stopped(ctx context.Context, t *testing.T, line int) (*dap.StoppedEvent, dap.StackFrame) {
	t.Helper()
	stopped, err := s.waitStopped(ctx)
	for err == nil && stopped.Body.Reason == "pause" { // halted by the debugger, for its own ends
		stopped, err = s.waitStopped(ctx)
	}
	if err != nil {
		t.Fatal(err)
	}
	frames, err := s.Stack(ctx, stopped.Body.ThreadId)
	if err != nil || len(frames) == 0 || frames[0].Line != line || frames[0].Source == nil || frames[0].Source.Path != s.path {
		t.Fatalf("stopped (%s), but not in line %d of %s: %+v, %v", stopped.Body.Reason, line, s.path, frames, err)
	}
	return stopped, frames[0]
}

// waitStopped waits until the program stops, in whichever of its processes.
func (s *debugged) waitStopped(ctx context.Context) (stopped *dap.StoppedEvent, err error) {
	if s.family == nil {
		return s.WaitStopped(ctx)
	}
	s.Debugger, stopped, err = s.family.stopped(ctx)
	return stopped, err
}

// callAside lets the cluster call until the workstation answers.
func (d debuggee) callAside(ctx context.Context) <-chan error {
	answered := make(chan error, 1)
	go func() {
		answered <- cluster.Wait(ctx, "an answer of the workstation", func() (bool, error) {
			answer, workstation, err := d.call(ctx)
			if err == nil && workstation && !strings.Contains(answer, or(d.answer, `"currency":"EUR"`)) {
				err = fmt.Errorf("the workstation answers %s", answer)
			}
			return err == nil && workstation, err
		})
	}()
	return answered
}

// waitOrigin waits until the cluster is answered by the app's own pods.
func (d debuggee) waitOrigin(ctx context.Context, t *testing.T) {
	t.Helper()
	err := cluster.Wait(ctx, "an answer of the origin", func() (bool, error) {
		_, workstation, err := d.call(ctx)
		return err == nil && !workstation, err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// call lets the cluster call on a new connection; the answer comes without blanks.
func (d debuggee) call(ctx context.Context) (answer string, workstation bool, err error) {
	raw, err := world.Call(ctx, shop, or(d.url, "http://cart/cart/ann"), true)
	var who struct{ ServedBy string }
	if err == nil {
		err = json.Unmarshal(raw, &who)
	}
	return strings.Join(strings.Fields(string(raw)), ""), cluster.AtWorkstation(who.ServedBy), err
}

// breakpointIn is a file's absolute path, and the line that is marked in it.
func breakpointIn(t *testing.T, file string) (path string, line int) {
	t.Helper()
	path, err := filepath.Abs(file)
	if err != nil {
		t.Fatal(err)
	}
	// As the program itself finds it.
	if path, err = filepath.EvalSymlinks(path); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i, text := range strings.Split(string(content), "\n") {
		if strings.Contains(text, "breakpoint here") {
			return path, i + 1
		}
	}
	t.Fatalf("no line for a breakpoint in %s", path)
	return "", 0
}
