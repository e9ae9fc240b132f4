package e2e

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubetunnel/kubetunnel/test/cluster"
)

const operatorUser = "system:serviceaccount:kubetunnel-system:kubetunnel-operator"

// seldomUsed are rights of the operator's that a run of all tests need not use.
var seldomUsed = map[string]string{
	"create pods/portforward":                       "who grants a right must have it: it is the engines that use it",
	"get pods/portforward":                          "as above: the verb by which older API servers know a WebSocket",
	"get pods/proxy":                                "as above",
	"get pods":                                      "as above",
	"delete intercepts.kubetunnel.dev":              "the lease of an engine that is gone for good ends after a minute: the faults' rows wait for that, in a cluster of their own",
	"get statefulsets.apps":                         "the controller's own tests have such an app, and run as an admin",
	"get jobs.batch":                                "an app that is a Job's is rare",
	"get daemonsets.apps":                           "an app that is a DaemonSet's is rare",
	"get persistentvolumeclaims":                    "asked for an app that mounts one, which none of the tests' do: there is no storage in their cluster",
	"delete secrets":                                "when two makings of one agent have met, the second one's key is removed by name",
	"update roles.rbac.authorization.k8s.io":        "an agent's pod that was replaced under a session is named in the Role anew",
	"update rolebindings.rbac.authorization.k8s.io": "a binding that a former operator has made in the same moment is brought up to date",
	"create leases.coordination.k8s.io":             "the lease is installed; it is made anew when somebody has removed it",
	"patch events.events.k8s.io":                    "the same Event again, within minutes, is counted in the first one",
	"list services":                                 streamed,
	"list deployments.apps":                         streamed,
	"list endpointslices.discovery.k8s.io":          streamed,
	"list roles.rbac.authorization.k8s.io":          streamed,
	"list rolebindings.rbac.authorization.k8s.io":   streamed,
	"update services":                               "ports of a target that change under an intercept are followed by its origin Service",
}

// streamed is why kinds that are watched need not be listed.
const streamed = "newer API servers begin a watch with all that is there (KEP-3157); older ones are asked for a list first"

// judgeRights looks at the API server's audit log, when all tests are over: the
// operator was denied nothing; pods of agents and apps have asked for nothing; and, when
// all tests were run, the operator has used each right that it has.
func judgeRights(ctx context.Context, passed bool) error {
	if !world.Own() {
		return nil // whose audit log is its owner's
	}
	requests, err := world.Audit(ctx)
	if err != nil {
		return err
	}
	var wrong []string
	used, allowed := map[string]bool{}, map[cluster.Audited]bool{}
	for _, r := range requests {
		if r.User == operatorUser && !denied(r) {
			used[rightOf(r.Verb, r.Group, r.Resource)] = true
			allowed[question(r)] = true
		}
	}
	for _, r := range requests {
		switch {
		case r.User != operatorUser:
			wrong = append(wrong, "asked by a pod that has nothing to ask: "+r.String())
		case denied(r) && !allowed[question(r)]:
			wrong = append(wrong, "denied: "+r.String())
		}
	}
	if len(used) == 0 {
		wrong = append(wrong, "the operator has asked for nothing at all: the audit log is not what it should be")
	}
	if passed && everyRight {
		unused, err := unusedRights(ctx, used)
		if err != nil {
			return err
		}
		wrong = append(wrong, unused...)
	}
	if len(wrong) == 0 {
		return nil
	}
	slices.Sort(wrong)
	return fmt.Errorf("rights in the cluster:\n%s", strings.Join(slices.Compact(wrong), "\n"))
}

func denied(r cluster.Audited) bool { return r.Denied || r.Code == http.StatusUnauthorized }

// question is what was asked, whatever the answer. An API server that has just been
// started again (a test does that) knows no Roles for a moment, and denies what it allows
// before and after.
func question(r cluster.Audited) cluster.Audited {
	r.Code, r.Denied = 0, false
	return r
}

func rightOf(verb, group, resource string) string {
	if group != "" {
		resource += "." + group
	}
	return verb + " " + resource
}

// unusedRights names what the operator may do and has not done.
func unusedRights(ctx context.Context, used map[string]bool) (unused []string, err error) {
	clusterRole, err := world.Kube.RbacV1().ClusterRoles().Get(ctx, "kubetunnel-operator", metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	role, err := world.Kube.RbacV1().Roles("kubetunnel-system").Get(ctx, "kubetunnel-operator", metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	granted := map[string]bool{}
	for _, rule := range append(clusterRole.Rules, role.Rules...) {
		for _, right := range rightsOf(rule) {
			granted[right] = true
			if !used[right] && seldomUsed[right] == "" {
				unused = append(unused, "granted and never used: "+right)
			}
		}
	}
	for right := range seldomUsed {
		if !granted[right] {
			unused = append(unused, "excused and not granted at all: "+right)
		}
	}
	return unused, nil
}

func rightsOf(rule rbacv1.PolicyRule) (rights []string) {
	for _, group := range rule.APIGroups {
		for _, resource := range rule.Resources {
			for _, verb := range rule.Verbs {
				rights = append(rights, rightOf(verb, group, resource))
			}
		}
	}
	return rights
}
