package controller

import (
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/kubetunnel/kubetunnel/operator/api/v1alpha1"
)

// originService selects what the target selected before: where calls go that no workstation takes.
func originService(n names, svc *corev1.Service, selector map[string]string) *corev1.Service {
	o := &corev1.Service{ObjectMeta: n.meta(svc.Namespace, n.origin())}
	o.Spec = corev1.ServiceSpec{
		Type: corev1.ServiceTypeClusterIP, Selector: selector,
		PublishNotReadyAddresses: svc.Spec.PublishNotReadyAddresses,
		IPFamilies:               svc.Spec.IPFamilies, IPFamilyPolicy: svc.Spec.IPFamilyPolicy,
	}
	for _, p := range svc.Spec.Ports {
		o.Spec.Ports = append(o.Spec.Ports, corev1.ServicePort{
			Name: p.Name, Protocol: p.Protocol, AppProtocol: p.AppProtocol, Port: p.Port, TargetPort: p.TargetPort,
		})
	}
	return o
}

// agentSecret is the agent's, still without its private key.
func agentSecret(n names, namespace, operatorKey string) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: n.meta(namespace, n.agent()),
		Type:       corev1.SecretTypeOpaque,
		StringData: map[string]string{"operator.pub": operatorKey},
	}
}

// reachRole allows reaching this one pod: one port of it through the API server's
// proxy, and port-forward, which by WebSocket is a "get" to older API servers and a
// "create" to newer ones.
func reachRole(n names, pod *corev1.Pod) *rbacv1.Role {
	port := pod.Name + ":" + pod.Annotations[annotationUpgradePort]
	return &rbacv1.Role{ObjectMeta: n.meta(pod.Namespace, n.agent()), Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"pods/proxy"}, ResourceNames: []string{port}, Verbs: []string{"get"}},
		{APIGroups: []string{""}, Resources: []string{"pods/portforward"}, ResourceNames: []string{pod.Name}, Verbs: []string{"create", "get"}},
		{APIGroups: []string{""}, Resources: []string{"pods"}, ResourceNames: []string{pod.Name}, Verbs: []string{"get"}},
	}}
}

func reachBinding(n names, in *v1alpha1.Intercept) *rbacv1.RoleBinding {
	b := &rbacv1.RoleBinding{ObjectMeta: n.meta(in.Namespace, n.binding(in.UID))}
	b.Labels[labelIntercept] = string(in.UID)
	b.Subjects = []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: in.Spec.Client.User}}
	b.RoleRef = rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: n.agent()}
	return b
}
