package cluster

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
)

// DeveloperRole is the ClusterRole that comes with the operator.
const DeveloperRole = "kubetunnel-developer"

// Namespace makes a namespace that enforces the restricted Pod Security profile.
func (c *Cluster) Namespace(ctx context.Context, name string) error {
	return c.NamespaceAt(ctx, name, "restricted")
}

// NamespaceAt makes a namespace that enforces a Pod Security profile.
func (c *Cluster) NamespaceAt(ctx context.Context, name, profile string) error {
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{
		"pod-security.kubernetes.io/enforce": profile, runLabel: c.runName(),
	}}}
	_, err := c.Kube.CoreV1().Namespaces().Create(ctx, ns, metav1.CreateOptions{})
	return unlessThere(err)
}

// Grant lets a user debug in a namespace: exactly the operator's developer role.
func (c *Cluster) Grant(ctx context.Context, namespace, user string) error {
	return c.Bind(ctx, namespace, user, rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: DeveloperRole})
}

// Bind gives a user a role in a namespace.
func (c *Cluster) Bind(ctx context.Context, namespace, user string, role rbacv1.RoleRef) error {
	binding := &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: user + "-" + role.Name, Namespace: namespace},
		RoleRef:    role,
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user}},
	}
	_, err := c.Kube.RbacV1().RoleBindings(namespace).Create(ctx, binding, metav1.CreateOptions{})
	return unlessThere(err)
}

func unlessThere(err error) error {
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}

// User writes the kubeconfig of an ordinary user, who may nothing but what is
// granted. In an existing cluster the admin acts as that user.
func (c *Cluster) User(ctx context.Context, user, path string) error {
	if c.own {
		_, err := c.devcluster(ctx, func(string) {}, "user", user, "--kubeconfig", path)
		return err
	}
	rules := &clientcmd.ClientConfigLoadingRules{ExplicitPath: c.Kubeconfig}
	config, err := rules.Load()
	if err != nil {
		return err
	}
	current := config.Contexts[config.CurrentContext]
	if current == nil || config.AuthInfos[current.AuthInfo] == nil {
		return fmt.Errorf("kubeconfig %s has no current context with a user", c.Kubeconfig)
	}
	config.AuthInfos[current.AuthInfo].Impersonate = user
	return clientcmd.WriteToFile(*config, path)
}
