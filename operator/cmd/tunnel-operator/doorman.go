package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/go-logr/logr"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	authentication "k8s.io/client-go/kubernetes/typed/authentication/v1"
	authorization "k8s.io/client-go/kubernetes/typed/authorization/v1"
)

// maxReviews bounds what strangers can make the API server do by way of the metrics' port.
const maxReviews = 4

var (
	errStranger  = errors.New("the token is not of this cluster")
	errForbidden = errors.New("the user may not get this path: bind the ClusterRole kubetunnel-metrics-reader")
)

// doorman lets in who shows a token of the cluster and has the right to get the path,
// as the API server judges both (TokenReview, SubjectAccessReview).
type doorman struct {
	tokens authentication.TokenReviewInterface
	access authorization.SubjectAccessReviewInterface
	slots  chan struct{}
}

func (d *doorman) filter(log logr.Logger, next http.Handler) (http.Handler, error) {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, found := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !found {
			http.Error(w, "a bearer token is needed", http.StatusUnauthorized)
			return
		}
		select {
		case d.slots <- struct{}{}:
		default:
			http.Error(w, "too many at once", http.StatusTooManyRequests)
			return
		}
		err := d.judge(r.Context(), token, r.URL.Path)
		<-d.slots
		switch {
		case err == nil:
			next.ServeHTTP(w, r)
		case errors.Is(err, errStranger):
			http.Error(w, err.Error(), http.StatusUnauthorized)
		case errors.Is(err, errForbidden):
			http.Error(w, err.Error(), http.StatusForbidden)
		default:
			log.Error(err, "who asks for metrics is not known")
			http.Error(w, "the API server could not be asked", http.StatusInternalServerError)
		}
	}), nil
}

func (d *doorman) judge(ctx context.Context, token, path string) error {
	review, err := d.tokens.Create(ctx, &authenticationv1.TokenReview{Spec: authenticationv1.TokenReviewSpec{Token: token}}, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("review a token: %w", err)
	}
	if !review.Status.Authenticated {
		return errStranger
	}
	user := review.Status.User
	extra := map[string]authorizationv1.ExtraValue{}
	for name, values := range user.Extra {
		extra[name] = authorizationv1.ExtraValue(values)
	}
	access, err := d.access.Create(ctx, &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: user.Username, UID: user.UID, Groups: user.Groups, Extra: extra,
		NonResourceAttributes: &authorizationv1.NonResourceAttributes{Path: path, Verb: "get"},
	}}, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("review the access of %s: %w", user.Username, err)
	}
	if !access.Status.Allowed {
		return errForbidden
	}
	return nil
}
