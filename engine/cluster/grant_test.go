package cluster

import (
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"

	"github.com/kubetunnel/kubetunnel/protocol"
)

func TestGrantIsARoleAndItsBinding(t *testing.T) {
	for name, row := range map[string]struct {
		user, namespace string
		missing         []access
		kinds           [2]string
		rules           int
	}{
		"all that a session needs":   {"ann", "shop", wantedAccess(protocol.Target{Namespace: "shop", Service: "cart"}), [2]string{"Role", "RoleBinding"}, 4},
		"one thing":                  {"ann", "shop", []access{{verb: "inherit", group: "kubetunnel.dev", resource: "services", namespace: "shop", name: "cart"}}, [2]string{"Role", "RoleBinding"}, 1},
		"a name with odd characters": {"oidc:Ann \"A\" O'Neil <a@b.c>\\%/", "shop", []access{{verb: "get", resource: "services", namespace: "shop"}}, [2]string{"Role", "RoleBinding"}, 1},
		"in no namespace":            {"system:serviceaccount:ci:bot", "", []access{{verb: "list", resource: "namespaces"}}, [2]string{"ClusterRole", "ClusterRoleBinding"}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			text := grantYAML(row.user, row.namespace, row.missing)
			first, second, _ := strings.Cut(text, "\n---\n")
			var role rbacv1.Role
			var binding rbacv1.RoleBinding
			if err := yaml.UnmarshalStrict([]byte(first), &role); err != nil {
				t.Fatalf("%v:\n%s", err, text)
			}
			if err := yaml.UnmarshalStrict([]byte(second), &binding); err != nil {
				t.Fatalf("%v:\n%s", err, text)
			}
			if [2]string{role.Kind, binding.Kind} != row.kinds || role.Namespace != row.namespace || len(role.Rules) != row.rules {
				t.Errorf("got:\n%s", text)
			}
			if binding.RoleRef.Name != role.Name || binding.RoleRef.Kind != role.Kind || binding.Subjects[0].Name != row.user {
				t.Errorf("the binding does not fit:\n%s", text)
			}
			if strings.ContainsAny(role.Name, "/% ") || len(role.Name) > 63 {
				t.Errorf("a bad name: %q", role.Name)
			}
		})
	}
}

func TestGrantsOfDifferentRulesHaveDifferentNames(t *testing.T) {
	name := func(user string, a ...access) string {
		_, rest, _ := strings.Cut(grantYAML(user, "shop", a), "name: ")
		line, _, _ := strings.Cut(rest, "\n")
		return line
	}
	one, two := access{verb: "intercept", resource: "services", name: "cart"}, access{verb: "intercept", resource: "services", name: "web"}
	first, again := name("ann", one), name("ann", one)
	if first == name("ann", two) || first == name("bob", one) || first != again {
		t.Error("a second paste would take the first one's rights away")
	}
}

func TestFullQuotaIsToldWithItsNameAndFigures(t *testing.T) {
	const refused = `the cluster refuses the agent's pod: pods "kt-1-x" is forbidden: exceeded quota: small, requested: pods=1, used: pods=4, limited: pods=4`
	e := quotaExceeded("shop", refused)
	if e == nil || e.Code != protocol.CodeQuotaExceeded || e.Data.Object.String() != "ResourceQuota shop/small" || !strings.Contains(e.Message, "limited: pods=4") {
		t.Errorf("got %+v", e)
	}
	if e := quotaExceeded("shop", "pods is forbidden: violates PodSecurity"); e != nil {
		t.Errorf("got %v", e)
	}
}
