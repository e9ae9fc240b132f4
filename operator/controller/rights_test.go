package controller

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestRoleOfAnInterceptIsWhatIsWritten holds docs/rights.md to the Role that a user gets.
func TestRoleOfAnInterceptIsWhatIsWritten(t *testing.T) {
	content, err := os.ReadFile("../../docs/rights.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(content), "## During an intercept")
	section, _, _ = strings.Cut(section, "\n## ")
	var written []string
	for _, m := range regexp.MustCompile("(?m)^\\| ([a-z, ]+) \\| `([a-z/]+)` of the agent").FindAllStringSubmatch(section, -1) {
		written = append(written, m[1]+" "+m[2])
	}
	w := interceptedWorld(t)
	pod := w.agentPod()
	var granted []string
	for _, rule := range reachRole(w.names(), pod).Rules {
		granted = append(granted, strings.Join(rule.Verbs, ", ")+" "+rule.Resources[0])
		if len(rule.Resources) != 1 || len(rule.ResourceNames) != 1 || !strings.HasPrefix(rule.ResourceNames[0], pod.Name) {
			t.Errorf("not for the one pod: %+v", rule)
		}
	}
	slices.Sort(written)
	slices.Sort(granted)
	if !slices.Equal(written, granted) {
		t.Errorf("docs/rights.md says %q, granted is %q", written, granted)
	}
}
