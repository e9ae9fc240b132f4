package cluster

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// access names what was tried, for messages and for the Role that would allow it.
type access struct {
	verb, group, resource string
	namespace, name       string
}

func (a access) String() string {
	resource := a.resource
	if a.group != "" {
		resource += "." + a.group
	}
	s := a.verb + " " + resource
	if a.name != "" {
		s += " " + a.name
	}
	if a.namespace != "" {
		s += " in namespace " + a.namespace
	}
	return s
}

// grantYAML is what an admin can paste to allow a user all that is missing: a Role
// and its binding. Their name comes from what is in them, so that a second paste
// never takes away what an earlier one has given.
func grantYAML(user, namespace string, missing []access) string {
	var rules strings.Builder
	for _, group := range byObject(missing) {
		a := group[0]
		verbs := make([]string, 0, len(group))
		for _, one := range group {
			verbs = append(verbs, fmt.Sprintf("%q", one.verb))
		}
		fmt.Fprintf(&rules, "- apiGroups: [%q]\n  resources: [%q]\n", a.group, a.resource)
		if a.name != "" {
			fmt.Fprintf(&rules, "  resourceNames: [%q]\n", a.name)
		}
		fmt.Fprintf(&rules, "  verbs: [%s]\n", strings.Join(verbs, ", "))
	}
	sum := sha256.Sum256([]byte(user + "\n" + rules.String()))
	name := grantName(user) + "-" + hex.EncodeToString(sum[:4])
	scope, meta := "Cluster", fmt.Sprintf("metadata:\n  name: %q\n", name)
	if namespace != "" {
		scope, meta = "", meta+fmt.Sprintf("  namespace: %q\n", namespace)
	}
	const group = "rbac.authorization.k8s.io"
	header := func(kind string) string { return "apiVersion: " + group + "/v1\nkind: " + scope + kind + "\n" + meta }
	return header("Role") + "rules:\n" + rules.String() + "---\n" +
		header("RoleBinding") + fmt.Sprintf("subjects:\n- {apiGroup: %s, kind: User, name: %q}\nroleRef: {apiGroup: %s, kind: %sRole, name: %q}\n", group, user, group, scope, name)
}

// byObject joins what differs by the verb alone, in the order in which it came.
func byObject(all []access) (groups [][]access) {
	index := map[access]int{}
	for _, a := range all {
		object := a
		object.verb = ""
		i, known := index[object]
		if !known {
			i = len(groups)
			index[object] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], a)
	}
	return groups
}

// maxGrantName leaves room for the rest of an object's name.
const maxGrantName = 40

// grantName makes a part of an object's name of a user's, which may hold anything.
func grantName(user string) string {
	slug := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(user))
	return "kubetunnel-" + strings.Trim(slug[:min(len(slug), maxGrantName)], "-")
}

// grant is the YAML that would allow it to who asks.
func (c *Client) grant(a access) string {
	user, known := c.user.Load().(string)
	if !known {
		ctx, cancel := context.WithTimeout(context.Background(), requestTimeout)
		defer cancel()
		var err error
		if user, err = c.whoAmI(ctx); err != nil {
			user = "YOUR NAME IN THE CLUSTER"
		}
	}
	return grantYAML(user, a.namespace, []access{a})
}
