package e2e

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/kubetunnel/kubetunnel/protocol"
	"github.com/kubetunnel/kubetunnel/server/servertest"
	"github.com/kubetunnel/kubetunnel/test/cluster"
)

func TestCancelledStartLeavesNothing(t *testing.T) {
	ctx := testContext(t)
	restored := remember(ctx, t, shop, "cart")
	e := openEditor(ctx, t)
	target, launch := cartLaunch(ctx, t)
	if _, err := e.Server.StartSession(ctx, &protocol.StartSessionParams{ID: "cancel", Target: target, Launch: launch}); err != nil {
		t.Fatal(err)
	}
	// Before the agent is up, and before an editor has spoken to the debugger.
	stopSession(ctx, t, e, "cancel")
	restored()
	waitNothingLeft(ctx, t, shop)
	if left := cluster.Descendants(e.PID()); len(left) > 0 {
		waitGone(ctx, t, left)
	}
}

func TestProgramThatDoesNotBuildReachesTheUserAndLeavesNothing(t *testing.T) {
	ctx := testContext(t)
	restored := remember(ctx, t, shop, "cart")
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module broken\n\ngo 1.26\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte("package main\n\nfunc main() { undefined() }\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	launch, err := json.Marshal(map[string]any{"type": "go", "request": "launch", "mode": "debug", "program": dir})
	if err != nil {
		t.Fatal(err)
	}
	e := openEditor(ctx, t)
	started, err := e.Server.StartSession(ctx, &protocol.StartSessionParams{ID: "broken", Target: protocol.Target{Namespace: shop, Service: "cart"}, Launch: launch})
	if err != nil {
		t.Fatal(err)
	}
	d, err := servertest.DialDAP(ctx, started.DAP)
	if err != nil {
		t.Fatal(err)
	}
	var refused *servertest.RequestError
	if err := d.Launch(ctx, json.RawMessage(launch), ""); !errors.As(err, &refused) {
		t.Errorf("launch: %v", err)
	}
	_ = d.Close()
	if _, err := e.WaitState(ctx, "broken", protocol.StateEnded, protocol.StateFailed); err != nil {
		t.Error(err)
	}
	restored()
	waitNothingLeft(ctx, t, shop)
}
