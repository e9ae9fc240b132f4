package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/kubetunnel/kubetunnel/server/servertest"
	"github.com/kubetunnel/kubetunnel/test/cluster"
)

// An editor that speaks DAP alone begins another tunnel-server for each process that the
// debugger asks it to debug.
func TestDebuggersOfDAPEditorsFollowTheChildren(t *testing.T) {
	for name, adapter := range map[string]string{
		"js-debug, Express in TypeScript":  "node",
		"debugpy, Flask with its reloader": "python",
	} {
		t.Run(name, func(t *testing.T) {
			d := debuggees[name]
			d.open(t)
			ctx := testContext(t)
			restored := remember(ctx, t, shop, d.stoodIn())
			s := &debugged{debuggee: d, id: name}
			s.path, s.line = breakpointIn(t, filepath.Join(world.Root, d.source))
			begin := func() (*servertest.Debugger, error) { return startDAP(t, "--adapter", adapter, "--stdio") }
			s.family = newFamily(ctx, t, s)
			s.family.dial = begin
			first, err := begin()
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = first.Close() })
			first.OnRequest(s.family.asked)
			s.Debugger = first
			port := freePort(ctx, t)
			launch := d.configuration(ctx, t, s.path, port)
			launch["kubetunnel"] = map[string]any{"namespace": shop, "service": d.stoodIn(), "localPort": port}
			if err := first.Launch(ctx, launch, s.path); err != nil {
				t.Fatalf("%v\n%s\n%s", err, first.Output(), s.family.told())
			}
			s.stopAtCall(ctx, t)
			s.endDAP(ctx, t, first, restored)
		})
	}
}

// An editor that speaks DAP alone has a debugger that nobody here knows, by its command.
func TestDebuggersThatAreNamedByTheirCommandServeAnyDAPEditor(t *testing.T) {
	ctx := testContext(t)
	restored := remember(ctx, t, shop, "cart")
	d := debuggees["gdb, named by its command"]
	s := &debugged{debuggee: d, id: "command"}
	s.path, s.line = breakpointIn(t, filepath.Join(world.Root, d.source))
	port := freePort(ctx, t)
	var err error
	if s.Debugger, err = startDAP(t, "--stdio", "--", os.Getenv("KUBETUNNEL_GDB"), "--interpreter=dap"); err != nil {
		t.Fatal(err)
	}
	launch := map[string]any{
		"request": "launch", "program": compile(ctx, t, "g++", "-g", "-O0", s.path), "adapterEnv": "whole", "env": map[string]string{"LISTEN": listenOn(port)},
		"kubetunnel": map[string]any{"namespace": shop, "service": "cart", "localPort": port},
	}
	if err := s.Launch(ctx, launch, s.path, s.line); err != nil {
		t.Fatal(err)
	}
	s.stopAtCall(ctx, t)
	s.endDAP(ctx, t, s.Debugger, restored)
}

// startDAP starts a tunnel-server for one debug session of an editor that speaks DAP alone.
func startDAP(t *testing.T, args ...string) (*servertest.Debugger, error) {
	cmd := exec.Command(world.Server, append([]string{"--kubeconfig", kubeconfig, "dap"}, args...)...) //nolint:gosec // our own
	cmd.Stderr = cluster.Lines(func(s string) { t.Log(s) })
	return servertest.StartDAP(cmd)
}

// endDAP ends the session as such an editor does, by the debugger that it has started first.
func (s *debugged) endDAP(ctx context.Context, t *testing.T, first *servertest.Debugger, restored func()) {
	t.Helper()
	if err := first.Disconnect(ctx, false); err != nil {
		t.Error(err)
	}
	if err := first.WaitExit(); err != nil {
		t.Errorf("dap: %v", err)
	}
	restored()
	s.waitOrigin(ctx, t)
	waitNothingLeft(ctx, t, shop)
}
