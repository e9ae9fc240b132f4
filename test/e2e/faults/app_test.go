package faults

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/strategicpatch"

	"github.com/kubetunnel/kubetunnel/protocol"
	"github.com/kubetunnel/kubetunnel/test/cluster"
)

// What people and their tools do to the app and its Service while it is debugged.
// The control has the same done to it.
func appRows() []*row {
	return []*row{
		{name: "kubectl apply of the Service, client-side", play: func(s *stage) { applied(s, applyClientSide) }},
		{name: "kubectl apply of the Service, server-side", play: func(s *stage) { applied(s, applyServerSide) }},
		{name: "helm upgrade of the Service", play: func(s *stage) { applied(s, helmUpgrade) }},
		{name: "self-heal loop on the Service", play: selfHeal},
		{name: "origin rolled out", play: rollOut},
		{name: "origin scaled to 0", play: scaleToZero, harms: true},
		{name: "origin deleted", play: deleteOrigin, harms: true},
		{name: "Service deleted", play: deleteService, harms: true, unserved: true},
		{name: "namespace deleted", play: deleteNamespace, harms: true},
	}
}

// labelled is the Service as its owner changes it: a label, and a selector that says the same in more words.
func labelled(svc *corev1.Service) {
	svc.Labels = map[string]string{"app": svc.Name, "release": "2"}
	svc.Spec.Selector = map[string]string{"app": svc.Name}
}

// lastApplied is where a client-side apply keeps what it has applied.
const lastApplied = corev1.LastAppliedConfigAnnotation

// own is the Service's manifest, as somebody has it in a file.
func own(name string, change func(*corev1.Service)) *corev1.Service {
	svc := &corev1.Service{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Service"},
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"app": name}},
		Spec: corev1.ServiceSpec{
			Selector: map[string]string{"app": name},
			Ports:    []corev1.ServicePort{{Name: "http", Port: 80, TargetPort: intstr.FromString("http")}, {Name: "line", Port: 9000, TargetPort: intstr.FromString("line")}},
		},
	}
	change(svc)
	return svc
}

// threeWay patches a Service from the manifest that was applied before to the one that is
// applied now, as kubectl and helm do.
func (s *stage) threeWay(manager string, before, after *corev1.Service, note bool) error {
	services := world.Kube.CoreV1().Services(s.namespace)
	live, err := services.Get(s.ctx, after.Name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	original, err := json.Marshal(before)
	if err != nil {
		return err
	}
	modified, err := json.Marshal(after)
	if err != nil {
		return err
	}
	if note {
		annotated := after.DeepCopy()
		annotated.Annotations = map[string]string{lastApplied: string(modified)}
		if modified, err = json.Marshal(annotated); err != nil {
			return err
		}
	}
	current, err := json.Marshal(live)
	if err != nil {
		return err
	}
	schema, err := strategicpatch.NewPatchMetaFromStruct(&corev1.Service{})
	if err != nil {
		return err
	}
	patch, err := strategicpatch.CreateThreeWayMergePatch(original, modified, current, schema, true)
	if err != nil {
		return err
	}
	_, err = services.Patch(s.ctx, after.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{FieldManager: manager})
	return err
}

func same(*corev1.Service) {}

func applyClientSide(s *stage, name string) error {
	return s.threeWay("kubectl-client-side-apply", own(name, same), own(name, labelled), true)
}

func helmUpgrade(s *stage, name string) error {
	return s.threeWay("helm", own(name, same), own(name, labelled), false)
}

func applyServerSide(s *stage, name string) error {
	content, err := json.Marshal(own(name, labelled))
	if err != nil {
		return err
	}
	force := true
	_, err = world.Kube.CoreV1().Services(s.namespace).Patch(s.ctx, name, types.ApplyPatchType, content, metav1.PatchOptions{FieldManager: "kubectl", Force: &force})
	return err
}

// applied: the owner's change arrives, and stays after the session.
func applied(s *stage, apply func(*stage, string) error) {
	s.live("applied", app)
	s.mark(noExcuse)
	for _, name := range []string{app, bare} {
		s.must(apply(s, name))
	}
	s.waitServed(app, false)
	ended := s.stop("applied")
	if ended.Receipt == nil || len(ended.Receipt.Differences) == 0 {
		s.t.Errorf("the receipt does not tell that the Service was changed: %+v", ended.Receipt)
	}
	s.owned(app)
}

// owned waits until a Service is as its owner has changed it.
func (s *stage) owned(name string) {
	s.t.Helper()
	delete(s.same, bare)
	delete(s.same, name)
	s.must(cluster.Wait(s.ctx, "Service "+name+" as its owner wants it", func() (bool, error) {
		svc, err := world.Kube.CoreV1().Services(s.namespace).Get(s.ctx, name, metav1.GetOptions{})
		if err != nil {
			return false, err
		}
		notes := maps.Clone(svc.Annotations)
		delete(notes, lastApplied)
		want := own(name, labelled)
		ok := maps.Equal(svc.Labels, want.Labels) && maps.Equal(svc.Spec.Selector, want.Spec.Selector) && len(notes) == 0
		return ok, fmt.Errorf("labels %v, selector %v, annotations %v", svc.Labels, svc.Spec.Selector, notes)
	}))
}

// selfHeal puts the Service's selector back whenever it is another one, as Argo CD does, until the row ends.
func selfHeal(s *stage) {
	ctx, cancel := context.WithCancel(s.ctx)
	healed := make(chan struct{})
	defer func() {
		cancel()
		<-healed
	}()
	go func() {
		defer close(healed)
		_ = cluster.Wait(ctx, "the end of the loop", func() (bool, error) {
			svc, err := world.Kube.CoreV1().Services(s.namespace).Get(ctx, app, metav1.GetOptions{})
			if err == nil && svc.Spec.Selector["app"] != app {
				patch := fmt.Appendf(nil, `{"spec":{"selector":{"app":%q}}}`, app)
				_, err = world.Kube.CoreV1().Services(s.namespace).Patch(ctx, app, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: "argocd-controller"})
			}
			return false, err
		})
	}()
	s.mark(noExcuse)
	s.must(s.begin(s.editor, "contested", app))
	s.must(s.editor.Wait(s.ctx, "the session to be told contested", func() (bool, error) {
		info := s.editor.Session("contested")
		return info.State == protocol.StateWaiting && strings.Contains(info.Reason, "ignoreDifferences"), nil
	}))
	s.seen(s.editor)
	s.waitServed(app, true)
	s.stop("contested")
	// Whose the selector is afterwards is the loop's doing.
	s.selectors(app)
}

// selectors waits until a Service selects its own pods and has no annotation of ours; the rest of it is not looked at any more.
func (s *stage) selectors(name string) {
	s.t.Helper()
	delete(s.same, name)
	s.must(cluster.Wait(s.ctx, "Service "+name+" to select its own pods", func() (bool, error) {
		svc, err := world.Kube.CoreV1().Services(s.namespace).Get(s.ctx, name, metav1.GetOptions{})
		if err != nil {
			return false, err
		}
		return maps.Equal(svc.Spec.Selector, map[string]string{"app": name}) && len(svc.Annotations) == 0, fmt.Errorf("selector %v, annotations %v", svc.Spec.Selector, svc.Annotations)
	}))
}

// eachApp does the same to both apps at the same time: what one of them has for longer
// would count as the other's better luck.
func (s *stage) eachApp(do func(name string) error) {
	s.t.Helper()
	var both errgroup.Group
	for _, name := range []string{app, bare} {
		both.Go(func() error { return do(name) })
	}
	s.must(both.Wait())
}

func (s *stage) patchDeployment(name, patch string) error {
	_, err := world.Kube.AppsV1().Deployments(s.namespace).Patch(s.ctx, name, types.MergePatchType, []byte(patch), metav1.PatchOptions{})
	return err
}

// rollOut gives the app new pods while calls go to the workstation, and some, of the line's kind, to the old ones.
func rollOut(s *stage) {
	s.live("rollout", app)
	s.mark(noExcuse)
	s.eachApp(func(name string) error {
		return s.patchDeployment(name, `{"spec":{"template":{"metadata":{"annotations":{"rolled":"out"}}}}}`)
	})
	s.must(world.WaitAvailable(s.ctx, s.namespace))
	s.waitServed(app, false)
	s.stop("rollout")
	s.waitServed(app, true)
}

func scaleToZero(s *stage) {
	s.live("scaled", app)
	s.mark(noExcuse)
	s.eachApp(func(name string) error { return s.patchDeployment(name, `{"spec":{"replicas":0}}`) })
	s.must(world.WaitAvailable(s.ctx, s.namespace))
	s.waitServed(app, false) // the session goes on without an origin
	s.eachApp(func(name string) error { return s.patchDeployment(name, `{"spec":{"replicas":1}}`) })
	s.must(world.WaitAvailable(s.ctx, s.namespace))
	s.stop("scaled")
	s.waitServed(app, true)
}

func deleteOrigin(s *stage) {
	s.live("orphan", app)
	s.mark(noExcuse)
	deployments := world.Kube.AppsV1().Deployments(s.namespace)
	was := map[string]*appsv1.Deployment{}
	for _, name := range []string{app, bare} {
		found, err := deployments.Get(s.ctx, name, metav1.GetOptions{})
		s.must(err)
		was[name] = found
	}
	s.eachApp(func(name string) error { return deployments.Delete(s.ctx, name, metav1.DeleteOptions{}) })
	s.pause(3 * time.Second)
	s.waitServed(app, false)
	s.eachApp(func(name string) error {
		again := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: was[name].Labels}, Spec: was[name].Spec}
		_, err := deployments.Create(s.ctx, again, metav1.CreateOptions{})
		return err
	})
	s.must(world.WaitAvailable(s.ctx, s.namespace))
	s.stop("orphan")
	s.waitServed(app, true)
}

// deleteService deletes the Service: the session ends by number, and nothing is left.
func deleteService(s *stage) {
	s.live("deleted", app)
	s.mark(noExcuse)
	delete(s.same, app)
	delete(s.same, bare)
	s.eachApp(func(name string) error {
		return world.Kube.CoreV1().Services(s.namespace).Delete(s.ctx, name, metav1.DeleteOptions{})
	})
	s.waitGone("deleted")
}

// waitGone waits until a session has ended by itself, with an error that says why.
func (s *stage) waitGone(id string) {
	s.t.Helper()
	info := s.waitState(id, protocol.StateFailed)
	if info.Error == nil || info.Error.Code == protocol.CodeInternalError {
		s.t.Errorf("the session ended by %+v", info.Error)
	}
}

func deleteNamespace(s *stage) {
	s.live("doomed", app)
	end, err := s.stats("DELETE") // the load goes with the namespace
	s.must(err)
	s.ended = end
	clear(s.same)
	s.must(world.Kube.CoreV1().Namespaces().Delete(s.ctx, s.namespace, metav1.DeleteOptions{}))
	s.waitGone("doomed")
	s.must(cluster.Wait(s.ctx, "the namespace to go", func() (bool, error) {
		_, err := world.Kube.CoreV1().Namespaces().Get(s.ctx, s.namespace, metav1.GetOptions{})
		return apierrors.IsNotFound(err), err
	}))
}
