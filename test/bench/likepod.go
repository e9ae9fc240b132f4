package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// likePod gives the time from the creation of a Deployment like an agent's (two
// containers, a Secret, an emptyDir, no probes) until its pod is Ready: what the
// platform takes by itself.
func (b *bench) likePod(ctx context.Context, i int) (time.Duration, error) {
	deployments := b.cluster.Kube.AppsV1().Deployments(namespace)
	d := likeDeployment(fmt.Sprintf("like-%d", i))
	watcher, err := b.cluster.Kube.CoreV1().Pods(namespace).Watch(ctx, metav1.ListOptions{LabelSelector: "app=" + d.Name})
	if err != nil {
		return 0, err
	}
	defer watcher.Stop()
	began := time.Now()
	if _, err := deployments.Create(ctx, d, metav1.CreateOptions{}); err != nil {
		return 0, err
	}
	defer func() {
		foreground, now := metav1.DeletePropagationForeground, int64(0)
		_ = deployments.Delete(context.WithoutCancel(ctx), d.Name, metav1.DeleteOptions{PropagationPolicy: &foreground, GracePeriodSeconds: &now})
	}()
	for event := range watcher.ResultChan() {
		pod, ok := event.Object.(*corev1.Pod)
		if !ok {
			continue
		}
		for _, condition := range pod.Status.Conditions {
			if condition.Type == corev1.PodReady && condition.Status == corev1.ConditionTrue {
				return time.Since(began), nil
			}
		}
	}
	return 0, errors.Join(errors.New("the watch ended before the pod was Ready"), ctx.Err())
}

func likeDeployment(name string) *appsv1.Deployment {
	labels := map[string]string{"app": name}
	yes, no, grace := true, false, int64(1)
	container := func(name, port string) corev1.Container {
		return corev1.Container{
			Name: name, Image: targetImage, ImagePullPolicy: corev1.PullIfNotPresent, Args: []string{"--listen", port},
			VolumeMounts:    []corev1.VolumeMount{{Name: "secret", MountPath: "/etc/like"}, {Name: "shared", MountPath: "/shared"}},
			SecurityContext: &corev1.SecurityContext{AllowPrivilegeEscalation: &no, Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}}},
		}
	}
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: appsv1.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec: corev1.PodSpec{
					Containers: []corev1.Container{container("one", ":8080"), container("two", ":8081")},
					Volumes: []corev1.Volume{
						{Name: "secret", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "like"}}},
						{Name: "shared", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}},
					},
					TerminationGracePeriodSeconds: &grace, AutomountServiceAccountToken: &no, EnableServiceLinks: &no,
					SecurityContext: &corev1.PodSecurityContext{RunAsNonRoot: &yes, SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault}},
				},
			},
		},
	}
}
