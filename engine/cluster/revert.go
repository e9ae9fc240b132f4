package cluster

import (
	"context"
	"errors"
	"maps"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubetunnel/kubetunnel/operator/api/v1alpha1"
	"github.com/kubetunnel/kubetunnel/operator/original"
	"github.com/kubetunnel/kubetunnel/protocol"
)

// revertTries bounds the attempts at a Service that others write to as well.
const revertTries = 5

// Revert puts a Service back from its annotation alone, without the operator: the
// selector, unless somebody else has changed it meanwhile, and then annotation and
// managedFields, so that the Service is what it was. Its intercepts are ended first, since an
// operator would switch it to them again; whose may not be ended is an error, after the revert.
func (c *Client) Revert(ctx context.Context, namespace, name string) error {
	if namespace == "" {
		namespace = c.namespace
	}
	ended, left, err := c.endInterceptsOf(ctx, namespace, name)
	if err != nil {
		return err
	}
	err = c.revertService(ctx, namespace, name)
	if ended && isForbidden(err) && c.restoredSoon(ctx, namespace, name) {
		err = nil // by the operator, for one who may not do it by hand
	}
	if err != nil || left == nil {
		return err
	}
	return protocol.Errorf(protocol.CodeAlreadyIntercepted, "Service %s/%s was put back, but the intercept of %s goes on (Intercept %s), and an operator that runs switches the Service to it again",
		namespace, name, holder(left), left.Name).
		On("Intercept", namespace, left.Name).
		WithFix(protocol.Fix{Title: "Ask " + left.Spec.Client.User + " to stop the session, or an admin to delete the Intercept", Command: "kubectl delete intercept -n " + namespace + " " + left.Name})
}

// restoreTime is what an operator that runs may take.
const restoreTime = 5 * time.Second

// restoredSoon waits for the operator.
func (c *Client) restoredSoon(ctx context.Context, namespace, name string) bool {
	ctx, cancel := context.WithTimeout(ctx, restoreTime)
	defer cancel()
	for backoff := newBackoff(); ctx.Err() == nil; backoff.wait(ctx) {
		svc, err := c.kube.CoreV1().Services(namespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			continue
		}
		if _, annotated := original.Read(svc); !annotated {
			return true
		}
	}
	return false
}

func isForbidden(err error) bool {
	var known *protocol.Error
	return errors.As(err, &known) && known.Code == protocol.CodeForbidden
}

// endInterceptsOf ends what is on a Service, and gives one that this user may not end. Where
// there are no Intercepts to be seen, nothing is ended.
func (c *Client) endInterceptsOf(ctx context.Context, namespace, service string) (ended bool, left *v1alpha1.Intercept, err error) {
	all, _, err := c.listIntercepts(ctx, namespace)
	if apierrors.IsNotFound(err) || apierrors.IsForbidden(err) {
		return false, nil, nil
	}
	if err != nil {
		return false, nil, c.explain(err, access{verb: "list", group: v1alpha1.GroupName, resource: "intercepts", namespace: namespace})
	}
	for i := range all {
		in := liveIntercept(all[i:i+1], service)
		if in == nil {
			continue
		}
		switch err := c.EndIntercept(ctx, namespace, in.Name, string(in.UID)); {
		case isForbidden(err):
			left = in
		case err != nil:
			return ended, left, err
		default:
			ended = true
		}
	}
	return ended, left, nil
}

func (c *Client) revertService(ctx context.Context, namespace, name string) error {
	a := access{verb: "patch", resource: "services", namespace: namespace, name: name}
	var err error
	for range revertTries {
		svc, getErr := c.kube.CoreV1().Services(namespace).Get(ctx, name, metav1.GetOptions{})
		if getErr != nil {
			return c.explain(getErr, a)
		}
		was, annotated := original.Read(svc)
		if !annotated {
			return nil
		}
		if was == nil {
			return protocol.Errorf(protocol.CodeRestorePending, "annotation %s of Service %s/%s can't be read, so what it was is not known", v1alpha1.AnnotationOriginal, namespace, name).
				On("Service", namespace, name).
				WithFix(protocol.Fix{Title: "Apply the Service's manifest again, and remove the annotation", Command: "kubectl annotate service -n " + namespace + " " + name + " " + v1alpha1.AnnotationOriginal + "-"})
		}
		err = c.revert(ctx, svc, *was)
		// A test in the patch that fails is told as invalid.
		if !apierrors.IsInvalid(err) && !apierrors.IsConflict(err) {
			break
		}
	}
	return c.explain(err, a)
}

// revert does in two patches what can't be one: what a patch changes belongs to the patcher after it.
func (c *Client) revert(ctx context.Context, svc *corev1.Service, was original.Original) error {
	if !was.Restored && maps.Equal(svc.Spec.Selector, was.Agent) {
		back, err := original.BackPatch(svc, was)
		if err != nil {
			return err
		}
		if svc, err = c.patchService(ctx, svc, back); err != nil {
			return err
		}
	}
	finish, err := original.FinishPatch(svc, was)
	if err != nil {
		return err
	}
	_, err = c.patchService(ctx, svc, finish)
	return err
}

// patchService patches as the operator does: the entry in managedFields is the one that finishing removes.
func (c *Client) patchService(ctx context.Context, svc *corev1.Service, patch []byte) (*corev1.Service, error) {
	return c.kube.CoreV1().Services(svc.Namespace).Patch(ctx, svc.Name, types.JSONPatchType, patch, metav1.PatchOptions{FieldManager: v1alpha1.ManagedBy})
}
