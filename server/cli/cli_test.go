package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"github.com/kubetunnel/kubetunnel/protocol"
	"github.com/kubetunnel/kubetunnel/server"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// engine is a Backend without a cluster.
type engine struct {
	server.Backend // what is not overridden is not asked

	err, startErr, closeErr error
	operator                protocol.OperatorStatusResult
	// course is what a session tells; ended is what becomes of it, at once or when it is closed.
	course  []protocol.SessionInfo
	ended   protocol.SessionInfo
	endless bool
	// signals, if any, gets one when a session is waited for, and one more when it is
	// closed; that then takes as long as the program has patience.
	signals  chan os.Signal
	stubborn bool
	// starting is called by Start.
	starting func(context.Context)
	findings []protocol.Diagnostic

	mu     sync.Mutex
	calls  []string
	closed chan struct{}
	once   sync.Once

	interrupt sync.Once
}

func newEngine() *engine { return &engine{closed: make(chan struct{})} }

func (e *engine) called(format string, args ...any) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.calls = append(e.calls, fmt.Sprintf(format, args...))
	return e.err
}

func (e *engine) Contexts(context.Context, *protocol.ListContextsParams) (*protocol.ListContextsResult, error) {
	return &protocol.ListContextsResult{Contexts: []protocol.KubeContext{{Name: "dev", Cluster: "kind", User: "ann", Namespace: "shop", Current: true}, {Name: "prod", Cluster: "big", User: "ann"}}}, e.called("contexts")
}

func (e *engine) OperatorStatus(_ context.Context, kubeContext string) (*protocol.OperatorStatusResult, error) {
	return &e.operator, e.called("operator %s", kubeContext)
}

func (e *engine) Services(_ context.Context, p *protocol.ListServicesParams) (*protocol.ListServicesResult, error) {
	if p.Namespace == "empty" {
		return &protocol.ListServicesResult{}, nil
	}
	return &protocol.ListServicesResult{Services: []protocol.Service{
		{Name: "cart", Namespace: "shop", Ports: []protocol.ServicePort{{Port: 80, TargetPort: "web"}}, Workload: &protocol.Workload{Kind: "Deployment", Name: "cart", Ready: 1, Total: 2},
			Intercept: &protocol.InterceptInfo{User: "bob", Host: "desk", State: "Live", Since: "2030", AgeSeconds: 65, LeaseLeftSeconds: 60, Mine: true}},
		{Name: "db", Namespace: "shop", NotInterceptable: "it is headless"},
	}}, e.called("services %s %s", p.Context, p.Namespace)
}

func (e *engine) InstallOperator(_ context.Context, p *protocol.InstallOperatorParams, progress func(string)) (*protocol.OperatorStatusResult, error) {
	progress("applying")
	return &protocol.OperatorStatusResult{Version: "1", Namespace: "kubetunnel"}, e.called("install %s %s %s", p.Context, p.Image, p.ImagePullPolicy)
}

func (e *engine) UninstallOperator(_ context.Context, kubeContext string, progress func(string)) error {
	progress("removing")
	return e.called("uninstall %s", kubeContext)
}

func (e *engine) Revert(_ context.Context, kubeContext, namespace, service string) error {
	return e.called("revert %s %s %s", kubeContext, namespace, service)
}

func (e *engine) Start(ctx context.Context, p *protocol.StartSessionParams, l server.Listener) (*protocol.StartSessionResult, error) {
	target, _ := json.Marshal(p.Target)
	_ = e.called("start %s", target)
	if p.Command != nil {
		_ = e.called("command %q", p.Command.Args)
	}
	for _, info := range e.course {
		l.SessionChanged(info)
	}
	l.SessionOutput(p.ID, "stdout", "to stdout\n")
	l.SessionOutput(p.ID, "stderr", "to stderr\n")
	l.SessionOutput(p.ID, "console", "to console\n")
	if e.starting != nil {
		e.starting(ctx)
	}
	if e.startErr != nil {
		return nil, e.startErr
	}
	return &protocol.StartSessionResult{DAP: &protocol.Endpoint{Network: "unix", Address: "sock"}}, ctx.Err()
}

func (e *engine) Wait(ctx context.Context, _ string) (protocol.SessionInfo, error) {
	if e.endless {
		if e.signals != nil {
			e.interrupt.Do(func() { e.signals <- syscall.SIGINT })
		}
		select {
		case <-e.closed:
		case <-ctx.Done():
			return protocol.SessionInfo{}, ctx.Err()
		}
	}
	return e.ended, nil
}

func (e *engine) Stop(_ context.Context, _ string) (protocol.SessionInfo, error) {
	return e.ended, e.called("stop")
}

func (e *engine) Examine(_ context.Context, target protocol.Target) []protocol.Diagnostic {
	_ = e.called("examine %s %s/%s", target.Context, target.Namespace, target.Service)
	return e.findings
}

func (e *engine) Capabilities() protocol.ServerCapabilities { return protocol.ServerCapabilities{} }

func (e *engine) Close(ctx context.Context) error {
	if e.stubborn {
		e.signals <- syscall.SIGINT
		<-ctx.Done()
		return e.closeErr
	}
	e.once.Do(func() { close(e.closed) })
	_ = e.called("close")
	return e.closeErr
}

func (e *engine) has(call string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, c := range e.calls {
		if c == call {
			return true
		}
	}
	return false
}

// outcome is a run of the program.
type outcome struct {
	code     int
	out, err string
}

// invoke runs the program.
func invoke(t *testing.T, e *engine, args ...string) outcome {
	t.Helper()
	return invokeWith(t, e, Program{}, args...)
}

func invokeWith(t *testing.T, e *engine, p Program, args ...string) outcome {
	t.Helper()
	var out, errs bytes.Buffer
	p.Version, p.Streams = "1.2.3", Streams{In: strings.NewReader(""), Out: &out, Err: &errs}
	p.Open = func(kubeconfig string, terminal *Streams, _ *slog.Logger) (Backend, error) {
		return e, e.called("open %s %t", kubeconfig, terminal != nil)
	}
	return outcome{run(p, args, e.signals), out.String(), errs.String()}
}

func TestRunShowsItsCourseAndGivesTheProgramsExitCode(t *testing.T) {
	e := newEngine()
	code := 7
	preflight := protocol.StageTime{Stage: protocol.StagePreflight, BeganMillis: 1, EndedMillis: 41}
	e.course = []protocol.SessionInfo{
		{State: protocol.StateStarting, Stages: []protocol.StageTime{{Stage: protocol.StagePreflight, BeganMillis: 1}}},
		{State: protocol.StateStarting, Stages: []protocol.StageTime{preflight}, Warnings: []string{"no UDP"}},
		{State: protocol.StateLive, Reason: "0 connections yet", Stages: []protocol.StageTime{preflight}, Warnings: []string{"no UDP"}},
	}
	e.ended = protocol.SessionInfo{ExitCode: &code, Receipt: &protocol.Receipt{Restored: true, StopMillis: 1200, Traffic: protocol.Traffic{Connections: 1, Origin: 2, Requests: 3}}}
	o := invoke(t, e, "run", "--kubeconfig", "kc", "--context", "dev", "--service", "shop/cart", "--service-port", "http", "--port", "9080", "--no-inherit", "--", "go", "run", "--flag")
	if o.code != 7 || o.out != "to stdout\n" {
		t.Errorf("got %+v", o)
	}
	for _, want := range []string{
		"preflight    40 ms\n", "note: no UDP\n", "live: 0 connections yet\n", "to stderr\n", "[kubetunnel] to console\n",
		"the Service is as it was, 1.2 s after the stop; 1 connection was served with 3 requests here, 2 passed on to the origin, 0 cut at the end",
	} {
		if strings.Count(o.err, want) != 1 {
			t.Errorf("%d times %q in\n%s", strings.Count(o.err, want), want, o.err)
		}
	}
	for _, call := range []string{"open kc true", `start {"context":"dev","namespace":"shop","service":"cart","port":"http","localPort":9080,"inherit":false}`, `command ["go" "run" "--flag"]`, "close"} {
		if !e.has(call) {
			t.Errorf("no %s in %q", call, e.calls)
		}
	}
}

func TestRunThatIsInterruptedEndsInOrderWithItsReceipt(t *testing.T) {
	e := newEngine()
	e.endless, e.signals = true, make(chan os.Signal, 3)
	e.ended = protocol.SessionInfo{Receipt: &protocol.Receipt{Restored: true, Differences: []string{"helm was here"}}}
	o := invoke(t, e, "run", "--service", "cart", "--", "true")
	if o.code != 130 || !e.has("stop") || !strings.Contains(o.err, "as it was; 0 conn") || !strings.Contains(o.err, "differs from what it was: helm was here") {
		t.Errorf("got %+v", o)
	}
}

func TestRunThatIsInterruptedWhileItStartsHasItsReceiptToo(t *testing.T) {
	e := newEngine()
	e.signals = make(chan os.Signal, 1)
	e.ended = protocol.SessionInfo{Receipt: &protocol.Receipt{Restored: true}}
	e.starting = func(ctx context.Context) {
		e.signals <- syscall.SIGINT
		<-ctx.Done()
	}
	if o := invoke(t, e, "run", "--service", "cart", "--", "true"); o.code != 130 || !strings.Contains(o.err, "as it was") || strings.Contains(o.err, "error") {
		t.Errorf("got %+v", o)
	}
}

func TestSecondInterruptGivesUpWaiting(t *testing.T) {
	e := newEngine()
	e.endless, e.stubborn, e.signals = true, true, make(chan os.Signal, 3)
	e.closeErr = protocol.Errorf(protocol.CodeRestorePending, "the Service is not back")
	if o := invoke(t, e, "run", "--service", "cart", "--", "true"); o.code != 1 || strings.Count(o.err, "error KT1406: the Service is not back\n") != 1 {
		t.Errorf("got %+v", o)
	}
}

func TestRunThatFailsSaysWhyAndWhatToDo(t *testing.T) {
	failure := protocol.Errorf(protocol.CodeOperatorMissing, "the operator is not installed").On("Namespace", "", "kubetunnel").
		WithFix(protocol.Fix{Title: "Install it", Command: "tunnel-server install", YAML: "kind: X\n"})
	failure.Data.Event = "Failed"
	want := "error KT1101: the operator is not installed\n  object: Namespace kubetunnel\n  latest event: Failed\n  → Install it\n      tunnel-server install\n\nkind: X\n"
	for name, e := range map[string]*engine{"at start": {startErr: fmt.Errorf("start: %w", failure)}, "later": {ended: protocol.SessionInfo{Error: failure}}} {
		t.Run(name, func(t *testing.T) {
			e.closed = make(chan struct{})
			o := invoke(t, e, "run", "--service", "cart", "--", "true")
			if o.code != 1 || !strings.HasSuffix(o.err, want) || !e.has("close") {
				t.Errorf("got %d\n%s", o.code, o.err)
			}
		})
	}
}

func TestAServiceThatIsNotBackIsToldBesideTheExitCode(t *testing.T) {
	e := newEngine()
	e.closeErr = protocol.Errorf(protocol.CodeRestorePending, "the Service is not back")
	code := 3
	e.ended = protocol.SessionInfo{ExitCode: &code}
	o := invoke(t, e, "run", "--service", "cart", "--", "true")
	if o.code == 0 || !strings.Contains(o.err, "error KT1406: the Service is not back\n") {
		t.Errorf("got %+v", o)
	}
}

func TestStatusShowsContextsOperatorAndIntercepts(t *testing.T) {
	e := newEngine()
	e.operator = protocol.OperatorStatusResult{Installed: true, Ready: true, Version: "1", Wanted: "2", Image: "img"}
	o := invoke(t, e, "status", "-n", "shop")
	want := `   CONTEXT  CLUSTER  USER  NAMESPACE
*  dev      kind     ann   shop
   prod     big      ann   

operator: 1, ready (img); this is 2, ` + "`tunnel-server install`" + ` brings it there

SERVICE    PORTS   WORKLOAD             INTERCEPTED BY  STATE  AGE   LEASE LEFT  NOTE
shop/cart  80→web  Deployment/cart 1/2  bob@desk (you)  Live   1m5s  1m0s        
shop/db            -                    -               -      -     -           it is headless
`
	if o.code != 0 || o.out != want {
		t.Errorf("got %d\n%s%s", o.code, o.out, o.err)
	}
	if o = invoke(t, e, "status", "--context", "prod", "-n", "empty"); !strings.Contains(o.out, "\n*  prod") || !strings.Contains(o.out, "no Services") {
		t.Errorf("got %s", o.out)
	}
}

func TestOperatorInAWord(t *testing.T) {
	for want, s := range map[string]protocol.OperatorStatusResult{
		"not installed; `tunnel-server install` does it": {Wanted: "1"},
		"1, not ready: pulling":                          {Installed: true, Version: "1", Wanted: "1", Message: "pulling"},
		"1, ready (i)":                                   {Installed: true, Ready: true, Version: "1", Wanted: "1", Image: "i"},
	} {
		if got := operatorLine(&s); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestOperatorCommands(t *testing.T) {
	for _, c := range []struct{ args, call, out string }{
		{"install --context dev --image i --image-pull-policy Never", "install dev i Never", "operator 1 is ready in namespace kubetunnel\n"},
		{"uninstall --context dev", "uninstall dev", "the operator is gone\n"},
		{"revert --context dev shop/cart", "revert dev shop cart", "Service shop/cart is the origin's\n"},
	} {
		e := newEngine()
		if o := invoke(t, e, strings.Fields(c.args)...); o.code != 0 || o.out != c.out || !e.has(c.call) || !e.has("close") {
			t.Errorf("%s: got %+v, %q", c.args, o, e.calls)
		}
		e = newEngine()
		e.err = nil
		failing := &engine{closed: make(chan struct{}), err: errors.New("no luck")}
		if o := invoke(t, failing, strings.Fields(c.args)...); o.code != 1 || o.out != "" || o.err != "error: no luck\n" {
			t.Errorf("%s: got %+v", c.args, o)
		}
	}
}

func TestMistakesOnTheCommandLineLeadToHelp(t *testing.T) {
	for args, want := range map[string]string{
		"--wrong":                          "error: unknown flag: --wrong\n  → tunnel-server --help\n",
		"dance":                            "error: unknown command \"dance\" for \"tunnel-server\"\n  → tunnel-server --help\n",
		"run --service cart":               "error: requires at least 1 arg(s), only received 0\n  → tunnel-server run --help\n",
		"run -- true":                      "error: required flag(s) \"service\" not set\n",
		"run --service a/b/c -- true":      "error: \"a/b/c\" names no Service: write NAME or NAMESPACE/NAME\n  → tunnel-server run --help\n",
		"run --service /cart -- true":      "error: \"/cart\" names no Service: write NAME or NAMESPACE/NAME\n  → tunnel-server run --help\n",
		"status --log-level loud":          "error: --log-level loud: want debug, info, warn or error\n  → tunnel-server status --help\n",
		"run --service a --port x -- true": "error: invalid argument \"x\" for \"--port\" flag: strconv.ParseInt: parsing \"x\": invalid syntax\n  → tunnel-server run --help\n",
	} {
		if o := invoke(t, newEngine(), strings.Fields(args)...); o.code != 1 || o.err != want {
			t.Errorf("%s: got %d\n%s", args, o.code, o.err)
		}
	}
}

func TestHelpAndVersion(t *testing.T) {
	for args, want := range map[string]string{"": "Available Commands", "--version": "1.2.3", "run --help": "npm start"} {
		if o := invoke(t, newEngine(), strings.Fields(args)...); o.code != 0 || !strings.Contains(o.out, want) {
			t.Errorf("%q: got %+v", args, o)
		}
	}
}

func TestStdioServesAnEditorAndLogsToTheFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "log")
	if o := invoke(t, newEngine(), "--stdio", "--log-level", "info", "--log-file", file); o.code != 1 || o.err != "" {
		t.Errorf("got %+v", o)
	}
	if content, err := os.ReadFile(file); err != nil || !strings.Contains(string(content), "the editor has gone") {
		t.Errorf("the log is %q, %v", content, err)
	}
}

func TestDAPStartsSessionsOfTheContext(t *testing.T) {
	e := newEngine()
	e.course = []protocol.SessionInfo{{State: protocol.StateLive, Reason: "yes"}, {State: protocol.StateLive, Reason: "yes"}}
	var said strings.Builder
	p := Program{DAP: func(ctx context.Context, opts DAPOptions) error {
		endpoint, err := opts.Start(ctx, protocol.Target{Service: "cart"}, json.RawMessage(`{}`), func(s string) { said.WriteString(s) })
		if err != nil || endpoint.Address != "sock" || opts.Adapter != "go" {
			return fmt.Errorf("got %+v, %+v, %w", endpoint, opts, err)
		}
		opts.End(ctx)
		return nil
	}}
	if o := invokeWith(t, e, p, "dap", "--adapter", "go", "--stdio", "--context", "dev"); o.code != 0 || !e.has("stop") || !e.has("close") {
		t.Errorf("got %+v", o)
	}
	if said.String() != "KubeTunnel is live: yes\nto console\n" || !e.has(`start {"context":"dev","service":"cart"}`) {
		t.Errorf("said %q, calls %q", said.String(), e.calls)
	}
}

func TestDAPTakesItsTargetAndItsAdapterFromTheCommandLine(t *testing.T) {
	local := false
	cases := map[string]struct {
		args    []string
		target  *protocol.Target
		command []string
	}{
		"from the launch configuration": {args: []string{"--adapter", "go"}},
		"a Service":                     {args: []string{"--service", "shop/cart"}, target: &protocol.Target{Namespace: "shop", Service: "cart"}},
		"all about it": {
			args:   []string{"--service", "cart", "--service-port", "http", "--port", "9080", "--no-inherit", "--lease", "90s", "--context", "dev"},
			target: &protocol.Target{Context: "dev", Service: "cart", Port: "http", LocalPort: 9080, Inherit: &local, LeaseSeconds: 90},
		},
		"an adapter": {args: []string{"--stdio", "--", "gdb", "-i=dap"}, command: []string{"gdb", "-i=dap"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			p := Program{DAP: func(_ context.Context, opts DAPOptions) error {
				if c.target != nil && c.target.Inherit == nil {
					yes := true
					c.target.Inherit = &yes
				}
				if !reflect.DeepEqual(opts.Target, c.target) || !slices.Equal(opts.Command, c.command) {
					return fmt.Errorf("got %+v, %q", opts.Target, opts.Command)
				}
				return nil
			}}
			if o := invokeWith(t, newEngine(), p, append([]string{"dap"}, c.args...)...); o.code != 0 {
				t.Errorf("got %+v", o)
			}
		})
	}
}

func TestDAPRefusesACommandLineThatCantBeMeant(t *testing.T) {
	cases := map[string]struct {
		args []string
		want string
	}{
		"a port without a Service": {[]string{"--port", "80"}, "need --service"},
		"no Service's name":        {[]string{"--service", "shop/"}, "names no Service"},
		"a word":                   {[]string{"go"}, "after --"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			e := newEngine()
			if o := invoke(t, e, append([]string{"dap"}, c.args...)...); o.code != 1 || !strings.Contains(o.err, c.want) || !strings.Contains(o.err, "--help") || len(e.calls) > 0 {
				t.Errorf("got %+v, calls %q", o, e.calls)
			}
		})
	}
}
