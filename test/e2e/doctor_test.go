package e2e

import (
	"context"
	"errors"
	"os/exec"
	"strings"
	"testing"
)

// doctor runs tunnel-server doctor as the ordinary user.
func doctor(ctx context.Context, t *testing.T, args ...string) (output string, code int) {
	t.Helper()
	out, err := exec.CommandContext(ctx, world.Server, append([]string{"--kubeconfig", kubeconfig, "doctor"}, args...)...).CombinedOutput() //nolint:gosec // our own
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if exit != nil {
		code = exit.ExitCode()
	}
	return string(out), code
}

func TestDoctorSaysWhetherASessionCouldStart(t *testing.T) {
	ctx := testContext(t)
	foreign := unique("foreign")
	if err := world.Namespace(ctx, foreign); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		args []string
		code int
		want []string
	}{
		{"all right", []string{"-n", shop}, 0, []string{"✓ sandbox  ", "✓ adapter go", "✓ cluster", "✓ operator", "✓ permission", "dev may debug every Service in namespace " + shop, "a session can start"}},
		{"a Service", []string{"--service", shop + "/cart"}, 0, []string{"✓ service", shop + "/cart can be debugged by dev"}},
		{"no such Service", []string{"--service", shop + "/nothing"}, 1, []string{"✗ service", "KT1201"}},
		{"a foreign namespace", []string{"-n", foreign}, 1, []string{"✗ permission", "KT1301: dev may not intercept services.kubetunnel.dev", "kind: Role", "no session can start"}},
		{"a Service there", []string{"--service", foreign + "/cart"}, 1, []string{"✗ service", "KT1301"}},
		{"no such context", []string{"--context", "nowhere"}, 1, []string{"✗ cluster", "KT1002"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			output, code := doctor(ctx, t, test.args...)
			if code != test.code {
				t.Errorf("exit code %d, want %d", code, test.code)
			}
			for _, want := range test.want {
				if !strings.Contains(output, want) {
					t.Errorf("no %q", want)
				}
			}
			if t.Failed() {
				t.Log(output)
			}
		})
	}
}
