package controller

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubetunnel/kubetunnel/engine/tunnel"
	"github.com/kubetunnel/kubetunnel/operator/api/v1alpha1"
	"github.com/kubetunnel/kubetunnel/operator/original"
)

// applier carries actions out. Each may find its work done already, by a former
// attempt, a former operator or the user.
type applier struct {
	client client.Client
	reader client.Reader
	teller teller
}

// errStale: the Service is no longer the one that was looked at; look again.
var errStale = errors.New("the Service has changed meanwhile")

func (a *applier) do(ctx context.Context, action Action) error {
	err := a.dispatch(ctx, action)
	switch {
	case err == nil:
		return nil
	case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		// Everything goes with the namespace, and we are not what it waits for.
		return nil
	}
	return fmt.Errorf("%s: %w", action, err)
}

func (a *applier) dispatch(ctx context.Context, action Action) error {
	switch x := action.(type) {
	case CreateOrigin:
		return tolerate(a.client.Create(ctx, x.Service.DeepCopy()), apierrors.IsAlreadyExists)
	case UpdateOrigin:
		return tolerate(a.client.Update(ctx, x.Service.DeepCopy()), apierrors.IsNotFound)
	case CreateAgent:
		return a.createAgent(ctx, x)
	case PutRole:
		return a.putRole(ctx, x.Role)
	case PutBinding:
		return a.putBinding(ctx, x.Binding)
	case PutStandby:
		return a.putStandby(ctx, x.Slice)
	case SwitchService:
		return a.switchService(ctx, x)
	case RestoreService:
		return a.restoreService(ctx, x)
	case FinishRestore:
		return a.finish(ctx, x.Service, x.Original)
	case DeleteIntercept:
		return tolerate(a.client.Delete(ctx, &x.Intercept, client.Preconditions{UID: &x.Intercept.UID}), apierrors.IsNotFound, apierrors.IsConflict)
	case DeleteSecrets:
		return a.client.DeleteAllOf(ctx, &corev1.Secret{}, client.InNamespace(x.Namespace), client.MatchingLabels{
			v1alpha1.LabelManagedBy: v1alpha1.ManagedBy, v1alpha1.LabelTarget: string(x.Target),
		})
	case Delete:
		uid := x.Object.GetUID()
		return tolerate(a.client.Delete(ctx, x.Object, client.Preconditions{UID: &uid}, client.PropagationPolicy(metav1.DeletePropagationBackground)), apierrors.IsNotFound, apierrors.IsConflict)
	}
	return fmt.Errorf("unknown action %T", action)
}

func tolerate(err error, kinds ...func(error) bool) error {
	for _, kind := range kinds {
		if kind(err) {
			return nil
		}
	}
	return err
}

// createAgent makes Secret and Deployment. A Deployment that is there already
// means that the cache was behind: then the Secret was one too many.
func (a *applier) createAgent(ctx context.Context, x CreateAgent) error {
	key, err := tunnel.GenerateKey()
	if err != nil {
		return err
	}
	public := string(key.Public())
	secret, d := x.Secret.DeepCopy(), x.Deployment.DeepCopy()
	secret.Name += "-" + shortHash(public)
	secret.StringData["key.pem"] = string(key.Marshal())
	for i, v := range d.Spec.Template.Spec.Volumes {
		if v.Name == configVolume {
			d.Spec.Template.Spec.Volumes[i].Secret.SecretName = secret.Name
		}
	}
	d.Spec.Template.Annotations[annotationAgentKey] = public
	if err := a.client.Create(ctx, secret); err != nil {
		return err
	}
	err = a.client.Create(ctx, d)
	if err != nil {
		cleanup := a.client.Delete(ctx, secret)
		return errors.Join(tolerate(err, apierrors.IsAlreadyExists), tolerate(cleanup, apierrors.IsNotFound))
	}
	return nil
}

func (a *applier) putRole(ctx context.Context, role *rbacv1.Role) error {
	err := a.client.Create(ctx, role.DeepCopy())
	if apierrors.IsAlreadyExists(err) {
		return tolerate(a.client.Update(ctx, role.DeepCopy()), apierrors.IsNotFound)
	}
	return err
}

func (a *applier) putBinding(ctx context.Context, binding *rbacv1.RoleBinding) error {
	err := a.client.Create(ctx, binding.DeepCopy())
	if apierrors.IsAlreadyExists(err) {
		return tolerate(a.client.Update(ctx, binding.DeepCopy()), apierrors.IsNotFound)
	}
	return err
}

// putStandby is no condition of a session: where a quota has no room for it, or the right
// is missing, the session goes on without.
func (a *applier) putStandby(ctx context.Context, slice *discoveryv1.EndpointSlice) error {
	err := a.client.Create(ctx, slice.DeepCopy())
	if apierrors.IsAlreadyExists(err) {
		err = tolerate(a.client.Update(ctx, slice.DeepCopy()), apierrors.IsNotFound)
	}
	if apierrors.IsForbidden(err) && !apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
		a.teller.log.Warn("the app's own pods do not stand by at a Service", "service", slice.Labels[discoveryv1.LabelServiceName], "namespace", slice.Namespace, "reason", err)
		return nil
	}
	return err
}

func (a *applier) switchService(ctx context.Context, x SwitchService) error {
	patch, err := original.SwitchPatch(x.Service, x.Original)
	if err != nil {
		return err
	}
	svc, err := a.patch(ctx, x.Service, patch)
	if err != nil || svc == nil {
		return err
	}
	about := aboutOriginal(svc, &x.Original)
	a.teller.tell(ctx, svc, Notice{
		Type: corev1.EventTypeNormal, Reason: eventLive, About: about,
		Note: fmt.Sprintf("calls go to %s (Intercept %s)", about.who(), x.Original.Intercept),
	})
	return nil
}

func (a *applier) restoreService(ctx context.Context, x RestoreService) error {
	patch, err := original.BackPatch(x.Service, x.Original)
	if err != nil {
		return err
	}
	svc, err := a.patch(ctx, x.Service, patch)
	if err != nil || svc == nil {
		return err
	}
	about := aboutOriginal(svc, &x.Original)
	a.teller.tell(ctx, svc, Notice{
		Type: corev1.EventTypeNormal, Reason: eventRestored, About: about,
		Note: fmt.Sprintf("calls go to the app's own pods again, after an intercept by %s: %s", about.who(), x.Reason),
	})
	return a.finish(ctx, svc, x.Original)
}

// finishTries bounds the attempts to finish on a Service that others write to as well.
const finishTries = 5

func (a *applier) finish(ctx context.Context, svc *corev1.Service, o original.Original) error {
	for range finishTries {
		patch, err := original.FinishPatch(svc, o)
		if err != nil {
			return err
		}
		_, err = a.patch(ctx, svc, patch)
		if !errors.Is(err, errStale) {
			return err
		}
		fresh := &corev1.Service{}
		if err := a.reader.Get(ctx, client.ObjectKeyFromObject(svc), fresh); err != nil {
			return tolerate(err, apierrors.IsNotFound)
		}
		svc = fresh
	}
	return errStale
}

// patch gives the patched Service, nil when there is none any more, and errStale
// when a test in the patch failed.
func (a *applier) patch(ctx context.Context, svc *corev1.Service, patch []byte) (*corev1.Service, error) {
	out := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: svc.Namespace, Name: svc.Name}}
	err := a.client.Patch(ctx, out, client.RawPatch(types.JSONPatchType, patch), client.FieldOwner(v1alpha1.ManagedBy))
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil
	case apierrors.IsInvalid(err), apierrors.IsConflict(err):
		return nil, fmt.Errorf("%w: %w", errStale, err)
	case err != nil:
		return nil, err
	}
	return out, nil
}

// applied notes in memory what an action has changed for good.
func (m *Memory) applied(action Action, now time.Time) {
	switch action.(type) {
	case SwitchService:
		m.Switched = true
	case RestoreService:
		m.Switched, m.RestoredAt = false, now
	case FinishRestore:
		m.Switched, m.RestoredAt = false, now
	}
}
