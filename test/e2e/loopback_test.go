package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kubetunnel/kubetunnel/protocol"
)

// inLoopback asks for the mode of machines without namespaces.
const inLoopback = "KUBETUNNEL_SANDBOX=loopback"

func TestProgramsInModeLoopbackReachServicesAndMountedFiles(t *testing.T) {
	const price, banner, region = `"cents":`, "Three for two on apples today", "eu-north"
	common := []string{"service: 200", price, "file: " + banner, "variable: " + region}
	for _, test := range []struct {
		name string
		args []string
		env  string
		want []string
	}{
		{name: "go", args: []string{"go", "run", "main.go"}},
		{name: "node", args: []string{"node", "main.js"}},
		{name: "java", args: []string{"java", "Main.java"}, env: "JAVA_TOOL_OPTIONS=-Dmine=kept",
			want: []string{"URLConnection: {", "socket: HTTP/1.0 200", "own option: kept"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			ctx := testContext(t)
			restored := remember(ctx, t, shop, "cart")
			cmd := exec.CommandContext(ctx, world.Server, append([]string{"--kubeconfig", kubeconfig, "run", "--service", shop + "/cart", "--"}, test.args...)...) //nolint:gosec // our own
			cmd.Dir = filepath.Join("testdata", "loopback")
			cmd.Env = append(os.Environ(), inLoopback, test.env)
			output, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, output)
			}
			for _, want := range append(test.want, common...) {
				if !strings.Contains(string(output), want) {
					t.Errorf("%q is not in it:\n%s", want, output)
				}
			}
			restored()
			waitNothingLeft(ctx, t, shop)
		})
	}
}

func TestDebuggeeInModeLoopbackTakesTheServicesCalls(t *testing.T) {
	ctx := testContext(t)
	restored := remember(ctx, t, shop, "cart")
	e := openEditor(ctx, t, inLoopback)
	told := e.Greeting.Capabilities.Sandbox
	if told.Mode != "loopback" || !strings.Contains(told.Reason, inLoopback) || len(told.Limits) == 0 {
		t.Errorf("initialize says %+v", told)
	}
	s := debugCart(ctx, t, e, "loopback")
	pids := descendants(e.PID())
	if answer := waitServedBy(ctx, t, true); answer.Total != 1055 || answer.Settings["region"] != "eu-north" {
		t.Errorf("the debuggee answers %+v", answer)
	}
	info := e.Session(s.id)
	if info.Sandbox == nil || info.Sandbox.Mode != told.Mode || info.Sandbox.Reason != told.Reason || len(info.Warnings) < len(told.Limits) {
		t.Errorf("the session says %+v, warnings %q", info.Sandbox, info.Warnings)
	}
	if ended := stopSession(ctx, t, e, s.id); ended.State != protocol.StateEnded {
		t.Errorf("state %s: %v", ended.State, ended.Error)
	}
	waitOver(ctx, t, restored, pids)
}
