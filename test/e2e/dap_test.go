package e2e

import (
	"path/filepath"
	"testing"
)

func TestAnyDAPEditorCanDebugInTheCluster(t *testing.T) {
	ctx := testContext(t)
	restored := remember(ctx, t, shop, "cart")
	path, _ := cartSource(t)
	port := freePort(ctx, t)
	debugCartBy(ctx, t, dapCommand(nil, world.Server, "--kubeconfig", kubeconfig, "dap", "--adapter", "go", "--stdio"), map[string]any{
		"request": "launch", "mode": "debug", "program": filepath.Dir(path), "env": map[string]string{"LISTEN": listenOn(port)},
		"kubetunnel": map[string]any{"namespace": shop, "service": "cart", "localPort": port},
	})
	restored()
}
