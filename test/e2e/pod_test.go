package e2e

import (
	"os/exec"
	"strings"
	"testing"
)

// inside are questions to a shell in a session on cart, and what the pod would say.
var inside = []struct{ name, script, want string }{
	{"host name", "hostname", "kt-"},
	{"host name in /etc/hosts", "grep -m1 -c $(hostname) /etc/hosts", "1"},
	{"short name", "getent hosts prices", "prices." + shop + ".svc.cluster.local"},
	{"name in another namespace", "getent hosts kubernetes.default", "kubernetes.default.svc.cluster.local"},
	{"no such name", "getent hosts nowhere || echo unknown", "unknown"},
	{"search list", "cat /etc/resolv.conf", "search " + shop + ".svc.cluster.local"},
	{"mounted ConfigMap", "cat /etc/cart/banner.txt", "Three for two on apples today"},
	{"ConfigMap cannot be written", "echo x > /etc/cart/banner.txt || echo refused", "refused"},
	{"namespace of the token", "cat /var/run/secrets/kubernetes.io/serviceaccount/namespace", shop},
	{"token", "cut -c1-3 /var/run/secrets/kubernetes.io/serviceaccount/token", "eyJ"},
	{"variable of the image", "echo $EDITION", "harvest"},
	{"Service variable", "echo $KUBERNETES_SERVICE_PORT", "443"},
	{"HOSTNAME", "echo $HOSTNAME", "kt-"},
	{"children too", "sh -c 'sh -c hostname'", "kt-"},
}

func TestProcessFindsItselfInThePod(t *testing.T) {
	ctx := testContext(t)
	restored := remember(ctx, t, shop, "cart")
	output, err := exec.CommandContext(ctx, world.Server, "--kubeconfig", kubeconfig, "run", "--service", shop+"/cart", "--", "sh", "-c", insideScript()).CombinedOutput() //nolint:gosec // our own
	if err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	checkInside(t, string(output))
	restored()
	waitNothingLeft(ctx, t, shop)
}

// insideScript asks all the questions; checkInside looks at what it has printed.
func insideScript() string {
	var script strings.Builder
	for _, q := range inside {
		script.WriteString("printf '\\n== " + q.name + "\\n'\n" + q.script + " 2>&1\n")
	}
	return script.String()
}

func checkInside(t *testing.T, output string) {
	t.Helper()
	for _, q := range inside {
		_, after, _ := strings.Cut(output, "== "+q.name+"\n")
		answer, _, _ := strings.Cut(after, "\n== ")
		if !strings.Contains(answer, q.want) {
			t.Errorf("%s: %q, want %q in it", q.name, answer, q.want)
		}
	}
}
