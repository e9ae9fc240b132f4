package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/kubetunnel/kubetunnel/protocol"
)

// The debugger is the editor's own, as js-debug is VS Code's: the editor launches what
// session/resolve has made of the configuration, with a hook of its debugger's in the
// environment, and the debuggee in the sandbox finds the editor by a Unix socket.
func TestDebuggerInTheEditorLaunchesItsProgramInThePod(t *testing.T) {
	ctx := testContext(t)
	restored := remember(ctx, t, shop, "cart")
	e := openEditor(ctx, t)
	source, line := breakpointIn(t, filepath.Join("testdata", "debuggers", "cart.js"))
	port := freePort(ctx, t)
	target := protocol.Target{Namespace: shop, Service: "cart", LocalPort: port}
	resolved, err := e.Server.ResolveSession(ctx, &protocol.ResolveSessionParams{
		ID: "node", Target: target, Launch: json.RawMessage(fmt.Sprintf(`{"type":"node","request":"launch","program":%q}`, source)),
	})
	if err != nil || resolved.Mode != protocol.ModeLauncher || len(resolved.Diagnostics) > 0 {
		t.Fatalf("%+v, %v", resolved, err)
	}
	started, err := e.Server.StartSession(ctx, &protocol.StartSessionParams{ID: "node", Target: target, Launch: resolved.Launch})
	if err != nil || started.DAP != nil {
		t.Fatalf("%+v, %v", started, err)
	}
	listener, err := net.Listen("unix", filepath.Join(shortFolder(t), "editor.sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	launchAsEditor(ctx, t, resolved.Launch, "LISTEN="+listenOn(port), "VSCODE_INSPECTOR_OPTIONS="+listener.Addr().String())
	conn, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	debugger := bufio.NewScanner(conn)
	if _, err := fmt.Fprintln(conn, line); err != nil || !debugger.Scan() || debugger.Text() != "set" {
		t.Fatalf("the breakpoint: %v, %q", err, debugger.Text())
	}
	if _, err := e.WaitState(ctx, "node", protocol.StateLive); err != nil {
		t.Fatal(err)
	}
	if err := <-(debuggee{}).callAside(ctx); err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("paused %d EUR", line); !debugger.Scan() || debugger.Text() != want {
		t.Errorf("the debugger says %q, want %q", debugger.Text(), want)
	}
	stopSession(ctx, t, e, "node")
	restored()
	waitServedBy(ctx, t, false)
}

// launchAsEditor starts a resolved configuration of Node as an editor does.
func launchAsEditor(ctx context.Context, t *testing.T, launch json.RawMessage, env ...string) {
	t.Helper()
	var c struct {
		RuntimeExecutable, Program string
		RuntimeArgs                []string
	}
	if err := json.Unmarshal(launch, &c); err != nil {
		t.Fatal(err)
	}
	hook, err := filepath.Abs(filepath.Join("testdata", "debuggers", "hook.js"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, c.RuntimeExecutable, append(c.RuntimeArgs, c.Program)...) //nolint:gosec // our own
	cmd.Env = append(append(os.Environ(), "NODE_OPTIONS=--require "+hook), env...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Wait() }) // it ends with the session
}
