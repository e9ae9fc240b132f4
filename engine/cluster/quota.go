package cluster

import (
	"regexp"

	"github.com/kubetunnel/kubetunnel/protocol"
)

// fullQuota are the words of the API server's quota admission. They come inside an
// Intercept's status, and in a refusal that has no cause of a type of its own.
var (
	fullQuota = regexp.MustCompile(`exceeded quota: ([^,]+), (requested: .*)`)
	// A quota of a type that is new to the cluster is not counted for some minutes.
	uncountedQuota = regexp.MustCompile(`status unknown for quota: ([^,]+), resources: (.*)`)
)

// quotaExceeded tells of a full quota; nil when the message is about something else.
func quotaExceeded(namespace, message string) *protocol.Error {
	found := fullQuota.FindStringSubmatch(message)
	if found == nil {
		return quotaUncounted(namespace, message)
	}
	quota, figures := found[1], found[2]
	return protocol.Errorf(protocol.CodeQuotaExceeded, "ResourceQuota %s of namespace %s has no room for the intercept: %s", quota, namespace, figures).
		On("ResourceQuota", namespace, quota).
		WithFix(protocol.Fix{
			Title:   "Free what it counts, or ask an admin to raise its limits by what is requested",
			Command: "kubectl -n " + namespace + " describe resourcequota " + quota,
		})
}

func quotaUncounted(namespace, message string) *protocol.Error {
	found := uncountedQuota.FindStringSubmatch(message)
	if found == nil {
		return nil
	}
	quota, resources := found[1], found[2]
	return protocol.Errorf(protocol.CodeQuotaExceeded, "ResourceQuota %s of namespace %s limits what Kubernetes has not counted yet: %s", quota, namespace, resources).
		On("ResourceQuota", namespace, quota).
		WithFix(protocol.Fix{
			Title:   "Wait until it is counted, which takes minutes where the operator or the quota is new",
			Command: "kubectl -n " + namespace + " describe resourcequota " + quota,
		})
}
