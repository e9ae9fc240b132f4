package manifests

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/kubetunnel/kubetunnel/operator/api/v1alpha1"
)

var code = regexp.MustCompile("`([^`]+)`")

// riskTable are the resources in the first column of the last table of docs/rights.md.
func riskTable(t *testing.T) (named []string) {
	t.Helper()
	content, err := os.ReadFile("../../docs/rights.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(content), "| with | could |\n| --- | --- |\n")
	if !found {
		t.Fatal("docs/rights.md has no table of what could be done")
	}
	for line := range strings.Lines(table) {
		if !strings.HasPrefix(line, "|") {
			break
		}
		for _, m := range code.FindAllStringSubmatch(strings.Split(line, "|")[1], -1) {
			named = append(named, m[1])
		}
	}
	return named
}

func TestWhatCouldBeDoneWithEachRightOfTheOperatorIsWritten(t *testing.T) {
	var cluster rbacv1.ClusterRole
	find(t, "ClusterRole", v1alpha1.OperatorName, Options{}, &cluster)
	var home rbacv1.Role
	find(t, "Role", v1alpha1.OperatorName, Options{}, &home)
	granted := map[string]bool{}
	for _, rule := range append(cluster.Rules, home.Rules...) {
		for _, resource := range rule.Resources {
			granted[resource] = true
		}
	}
	named := riskTable(t)
	for resource := range granted {
		if !slices.Contains(named, resource) {
			t.Errorf("the operator has rights on %s, and docs/rights.md does not say what could be done with them", resource)
		}
	}
	for _, resource := range named {
		if !granted[resource] {
			t.Errorf("docs/rights.md tells of %s, on which the operator has no right", resource)
		}
	}
}

func TestDeveloperMayDoNothingToWhatIsNotTheirs(t *testing.T) {
	var role rbacv1.ClusterRole
	find(t, "ClusterRole", "kubetunnel-developer", Options{}, &role)
	reading := []string{"get", "list", "watch"}
	for _, rule := range role.Rules {
		for _, resource := range rule.Resources {
			for _, verb := range rule.Verbs {
				switch group := rule.APIGroups[0]; {
				case group == v1alpha1.GroupName && resource == "intercepts" && (verb == "create" || verb == "delete"): // the policy holds whose
				case group == v1alpha1.GroupName && resource == v1alpha1.AccessResource && (verb == v1alpha1.VerbIntercept || verb == v1alpha1.VerbInherit):
				case slices.Contains(reading, verb) && resource != "secrets":
				default:
					t.Errorf("a developer may %s %s", verb, resource)
				}
			}
		}
	}
}
