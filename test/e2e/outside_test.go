package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kubetunnel/kubetunnel/protocol"
	"github.com/kubetunnel/kubetunnel/test/cluster"
)

// A debugger that can't be moved starts its program itself: the editor gives it the
// session's environment, and tells the session which process it is.
func TestProgramThatTheEditorStartsTakesTheCalls(t *testing.T) {
	ctx := testContext(t)
	restored := remember(ctx, t, shop, "cart")
	e := openEditor(ctx, t)
	const id = "outside"
	port := freePort(ctx, t)
	_, err := e.Server.StartSession(ctx, &protocol.StartSessionParams{ID: id, Target: protocol.Target{Namespace: shop, Service: "cart", LocalPort: port}, Outside: true})
	if err != nil {
		t.Fatal(err)
	}
	listen := listenOn(port)
	given, err := e.Server.SessionEnvironment(ctx, &protocol.SessionEnvironmentParams{ID: id, Env: map[string]*string{"LISTEN": &listen}})
	if err != nil {
		t.Fatal(err)
	}
	if info := e.Session(id); info.Kind != protocol.KindOutside || info.Sandbox == nil || info.Sandbox.Mode != "loopback" {
		t.Errorf("the session is %+v", info)
	}
	cmd := exec.CommandContext(ctx, filepath.Join(world.Root, "bin", "image", "cart")) //nolint:gosec // our own
	cmd.Env = os.Environ()
	for name, value := range given.Env {
		if value != nil {
			cmd.Env = append(cmd.Env, name+"="+*value)
		}
	}
	cmd.Stderr = cluster.Lines(func(s string) { t.Log("cart:", s) })
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	if _, err := e.Server.JoinSession(ctx, &protocol.JoinSessionParams{ID: id, ProcessID: 1}); err == nil || !strings.Contains(err.Error(), "KT1706") {
		t.Errorf("another's process joins: %v", err)
	}
	if _, err := e.Server.JoinSession(ctx, &protocol.JoinSessionParams{ID: id, ProcessID: cmd.Process.Pid}); err != nil {
		t.Fatal(err)
	}
	if _, err := e.WaitState(ctx, id, protocol.StateLive); err != nil {
		t.Fatal(err)
	}
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	err = cluster.Wait(ctx, "an answer of the program", func() (bool, error) {
		answer, err := callCart(ctx)
		if err != nil || answer.ServedBy != host {
			return false, err
		}
		if answer.Total != 1055 || answer.Settings["currency"] != "EUR" || answer.Settings["token"] != "13 characters" {
			t.Errorf("answered %+v", answer)
		}
		return true, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	stopSession(ctx, t, e, id)
	restored()
	waitServedBy(ctx, t, false)
}
