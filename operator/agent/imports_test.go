package agent

import (
	"os/exec"
	"strings"
	"testing"
)

// TestAgentKnowsNothingOfKubernetes: it runs beside every app that is debugged, so
// it is to be small; and what it may do is what the operator tells it, not what a
// service account could.
func TestAgentKnowsNothingOfKubernetes(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", ".", "../cmd/tunnel-agent").Output()
	if err != nil {
		t.Fatal(err)
	}
	const module = "github.com/kubetunnel/kubetunnel/"
	allowed := []string{"operator/agent", "operator/cmd/tunnel-agent", "operator/control", "operator/version", "engine/tunnel", "engine/watch"}
	for path := range strings.Lines(string(out)) {
		path = strings.TrimSpace(path)
		if strings.Contains(path, "k8s.io") {
			t.Errorf("imports %s", path)
		}
		if own, ok := strings.CutPrefix(path, module); ok && !isOneOf(own, allowed) {
			t.Errorf("imports %s", path)
		}
	}
}

func isOneOf(s string, all []string) bool {
	for _, one := range all {
		if s == one || strings.HasPrefix(s, one+"/") {
			return true
		}
	}
	return false
}
