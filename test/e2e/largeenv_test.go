package e2e

import (
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubetunnel/kubetunnel/test/cluster"
)

// An app may have as much environment as a ConfigMap holds; so does the process that stands in for it.
func TestEnvironmentOfAMegabyteReachesTheProcess(t *testing.T) {
	ctx := testContext(t)
	namespace := unique("large")
	if err := world.Shop(ctx, namespace); err != nil {
		t.Fatal(err)
	}
	if err := world.Grant(ctx, namespace, user); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = world.Kube.CoreV1().Namespaces().Delete(testContext(t), namespace, metav1.DeleteOptions{}) })
	const count, each = 15, 65_000
	large := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "large"}, Data: map[string]string{}}
	for i := range count {
		large.Data[fmt.Sprintf("LARGE_%d", i)] = strings.Repeat("x", each)
	}
	if _, err := world.Kube.CoreV1().ConfigMaps(namespace).Create(ctx, large, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	deployments := world.Kube.AppsV1().Deployments(namespace)
	err := cluster.Wait(ctx, "the Deployment to take it", func() (bool, error) {
		cart, err := deployments.Get(ctx, "cart", metav1.GetOptions{})
		if err != nil {
			return false, err
		}
		c := &cart.Spec.Template.Spec.Containers[0]
		c.EnvFrom = append(c.EnvFrom, corev1.EnvFromSource{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "large"}}})
		_, err = deployments.Update(ctx, cart, metav1.UpdateOptions{})
		return err == nil, err
	})
	if err == nil {
		err = cluster.Wait(ctx, "the app's new pod", func() (bool, error) {
			cart, err := deployments.Get(ctx, "cart", metav1.GetOptions{})
			if err != nil {
				return false, err
			}
			s := cart.Status
			return s.ObservedGeneration >= cart.Generation && s.UpdatedReplicas == s.Replicas && s.AvailableReplicas == s.Replicas, nil
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	restored := remember(ctx, t, namespace, "cart")
	output, err := exec.CommandContext(ctx, world.Server, "--kubeconfig", kubeconfig, "run", "--service", namespace+"/cart", "--", "sh", "-c", "env | grep -c ^LARGE_; env | wc -c").Output() //nolint:gosec // our own
	if err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	said := strings.Fields(string(output))
	if len(said) != 2 || said[0] != strconv.Itoa(count) {
		t.Fatalf("it says %q", output)
	}
	if bytes, err := strconv.Atoi(said[1]); err != nil || bytes < count*each {
		t.Errorf("%s bytes", said[1])
	}
	restored()
	waitNothingLeft(ctx, t, namespace)
}
