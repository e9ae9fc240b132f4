package controller

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubetunnel/kubetunnel/operator/api/v1alpha1"
)

// endAllPause is between two looks whether all has ended.
const endAllPause = 100 * time.Millisecond

// EndIntercepts deletes all Intercepts of the namespaces, none named meaning all, and
// waits until no Service is switched and no agent is left. The operator does the work:
// this needs no right but to delete Intercepts and to look.
func EndIntercepts(ctx context.Context, config *rest.Config, namespaces []string, log *slog.Logger) error {
	s := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{scheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(s); err != nil {
			return fmt.Errorf("register types: %w", err)
		}
	}
	c, err := client.New(config, client.Options{Scheme: s, Mapper: mapper()})
	if err != nil {
		return fmt.Errorf("make client: %w", err)
	}
	if len(namespaces) == 0 {
		namespaces = []string{""}
	}
	e := ending{client: c, namespaces: namespaces}
	tick := time.NewTicker(endAllPause)
	defer tick.Stop()
	for told := ""; ; {
		left, err := e.look(ctx)
		if err == nil && left == "" {
			log.Info("no intercept is left")
			return nil
		}
		if err != nil {
			left = err.Error()
		}
		if left != told && ctx.Err() == nil {
			log.Info("waiting", "for", left)
			told = left
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the operator has not put all back (is it running? `tunnel-server revert SERVICE` does without it): %s: %w", told, ctx.Err())
		case <-tick.C:
		}
	}
}

// ending looks for what is left of intercepts.
type ending struct {
	client     client.Client
	namespaces []string
}

// look deletes what Intercepts there are, and tells what still waits for its end.
func (e ending) look(ctx context.Context) (string, error) {
	for _, namespace := range e.namespaces {
		for _, ask := range []func(context.Context, string) (string, error){e.intercepts, e.services, e.agents} {
			if left, err := ask(ctx, namespace); left != "" || err != nil {
				return left, err
			}
		}
	}
	return "", nil
}

func (e ending) intercepts(ctx context.Context, namespace string) (left string, err error) {
	list := &v1alpha1.InterceptList{}
	err = e.client.List(ctx, list, client.InNamespace(namespace))
	if apierrors.IsNotFound(err) || meta.IsNoMatchError(err) {
		return "", nil // the type is gone, and with it all of its objects
	}
	if err != nil {
		return "", fmt.Errorf("list Intercepts: %w", err)
	}
	for i := range list.Items {
		in := &list.Items[i]
		left = fmt.Sprintf("Intercept %s/%s of %s", in.Namespace, in.Name, in.Spec.Client.User)
		if err := e.client.Delete(ctx, in); client.IgnoreNotFound(err) != nil {
			return "", fmt.Errorf("delete %s: %w", left, err)
		}
	}
	return left, nil
}

func (e ending) services(ctx context.Context, namespace string) (string, error) {
	list := &corev1.ServiceList{}
	if err := e.client.List(ctx, list, client.InNamespace(namespace)); err != nil {
		return "", fmt.Errorf("list Services: %w", err)
	}
	for i := range list.Items {
		if svc := &list.Items[i]; svc.Annotations[v1alpha1.AnnotationOriginal] != "" {
			return fmt.Sprintf("Service %s/%s to be put back", svc.Namespace, svc.Name), nil
		}
	}
	return "", nil
}

func (e ending) agents(ctx context.Context, namespace string) (string, error) {
	list := &appsv1.DeploymentList{}
	if err := e.client.List(ctx, list, client.InNamespace(namespace), client.MatchingLabels{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy}); err != nil {
		return "", fmt.Errorf("list agents: %w", err)
	}
	for i := range list.Items {
		return fmt.Sprintf("agent %s/%s to go", list.Items[i].Namespace, list.Items[i].Name), nil
	}
	return "", nil
}
