package controller

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// maxPods bounds the look at a Service's pods: one that is ready is enough.
const maxPods = 250

// app looks at what is behind the Service, live: it is asked for once per
// intercept, and a cache of all pods of the cluster would be large.
func (g *gatherer) app(ctx context.Context, w *World) (*App, error) {
	selector := w.Service.Spec.Selector
	if o := w.originService(); o != nil && w.names().isAgentSelector(selector) {
		selector = o.Spec.Selector
	}
	if len(selector) == 0 {
		return nil, nil
	}
	app := &App{Selector: selector, SharedClaims: map[string]bool{}}
	pods := &corev1.PodList{}
	if err := g.live.List(ctx, pods, client.InNamespace(w.Key.Namespace), client.MatchingLabelsSelector{Selector: labels.SelectorFromSet(selector)}, client.Limit(maxPods)); err != nil {
		return nil, fmt.Errorf("list pods of Service %s: %w", w.Key.Name, err)
	}
	var newest *corev1.Pod
	for i := range pods.Items {
		p := &pods.Items[i]
		if !podReady(p) {
			continue
		}
		app.ReadyPods++
		if newest == nil || newest.CreationTimestamp.Before(&p.CreationTimestamp) {
			newest = p
		}
	}
	if newest == nil {
		return app, nil
	}
	var err error
	if app.Template, err = g.template(ctx, newest); err != nil {
		return nil, err
	}
	app.Token = hasToken(newest, appContainer(w.Service, app.Template).Name)
	if app.Governed, err = g.governed(ctx, w.Service, newest); err != nil {
		return nil, err
	}
	if app.Limits, err = g.limits(ctx, w.Key.Namespace); err != nil {
		return nil, err
	}
	return app, g.claims(ctx, app, w.Key.Namespace)
}

// template is the pod template of the workload that made the pod; the pod itself
// carries what was injected into it. A pod that nobody made has only itself.
func (g *gatherer) template(ctx context.Context, pod *corev1.Pod) (*corev1.PodTemplateSpec, error) {
	owner := metav1.GetControllerOf(pod)
	if owner == nil {
		return templateOfPod(pod), nil
	}
	key := client.ObjectKey{Namespace: pod.Namespace, Name: owner.Name}
	var template *corev1.PodTemplateSpec
	var err error
	switch owner.Kind {
	case "ReplicaSet":
		o := &appsv1.ReplicaSet{}
		err = g.live.Get(ctx, key, o)
		template = &o.Spec.Template
	case "StatefulSet":
		o := &appsv1.StatefulSet{}
		err = g.live.Get(ctx, key, o)
		template = &o.Spec.Template
	case "DaemonSet":
		o := &appsv1.DaemonSet{}
		err = g.live.Get(ctx, key, o)
		template = &o.Spec.Template
	case "Job":
		o := &batchv1.Job{}
		err = g.live.Get(ctx, key, o)
		template = &o.Spec.Template
	default:
		return templateOfPod(pod), nil
	}
	if apierrors.IsNotFound(err) || (err == nil && len(template.Spec.Containers) == 0) {
		return templateOfPod(pod), nil
	}
	if err != nil {
		return nil, fmt.Errorf("get %s %s: %w", owner.Kind, owner.Name, err)
	}
	return template, nil
}

// templateOfPod is the pod without what the API server put into it.
func templateOfPod(pod *corev1.Pod) *corev1.PodTemplateSpec {
	p := pod.DeepCopy()
	t := &corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: p.Labels, Annotations: p.Annotations}, Spec: p.Spec}
	for i := range t.Spec.Containers {
		var kept []corev1.VolumeMount
		for _, m := range t.Spec.Containers[i].VolumeMounts {
			if m.MountPath != tokenPath {
				kept = append(kept, m)
			}
		}
		t.Spec.Containers[i].VolumeMounts = kept
	}
	return t
}

func hasToken(pod *corev1.Pod, container string) bool {
	for _, c := range pod.Spec.Containers {
		for _, m := range c.VolumeMounts {
			if c.Name == container && m.MountPath == tokenPath {
				return true
			}
		}
	}
	return false
}

// governed names the StatefulSet to whose pods a headless Service gives their names.
func (g *gatherer) governed(ctx context.Context, svc *corev1.Service, pod *corev1.Pod) (string, error) {
	owner := metav1.GetControllerOf(pod)
	if svc.Spec.ClusterIP != corev1.ClusterIPNone || owner == nil || owner.Kind != "StatefulSet" {
		return "", nil
	}
	set := &appsv1.StatefulSet{}
	if err := g.live.Get(ctx, client.ObjectKey{Namespace: pod.Namespace, Name: owner.Name}, set); err != nil {
		return "", client.IgnoreNotFound(err)
	}
	if set.Spec.ServiceName == svc.Name {
		return set.Name, nil
	}
	return "", nil
}

// claims finds out which of the template's claims several nodes can mount.
func (g *gatherer) claims(ctx context.Context, app *App, namespace string) error {
	for _, v := range app.Template.Spec.Volumes {
		if v.PersistentVolumeClaim == nil {
			continue
		}
		claim := &corev1.PersistentVolumeClaim{}
		name := v.PersistentVolumeClaim.ClaimName
		if err := g.live.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, claim); err != nil {
			if apierrors.IsNotFound(err) {
				continue
			}
			return fmt.Errorf("get PersistentVolumeClaim %s: %w", name, err)
		}
		for _, mode := range claim.Spec.AccessModes {
			if mode == corev1.ReadWriteMany || mode == corev1.ReadOnlyMany {
				app.SharedClaims[name] = true
			}
		}
	}
	return nil
}
