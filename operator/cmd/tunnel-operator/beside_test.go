package main

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/go-logr/logr"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	authentication "k8s.io/client-go/kubernetes/typed/authentication/v1"
	authorization "k8s.io/client-go/kubernetes/typed/authorization/v1"
	"k8s.io/client-go/rest"
)

// reviews plays the API server: token "good" is a user of that name, "poor" one who may nothing.
type reviews struct {
	away bool
	path string
}

type (
	tokens struct {
		authentication.TokenReviewInterface
		*reviews
	}
	access struct {
		authorization.SubjectAccessReviewInterface
		*reviews
	}
)

func (r tokens) Create(_ context.Context, review *authenticationv1.TokenReview, _ metav1.CreateOptions) (*authenticationv1.TokenReview, error) {
	if r.away {
		return nil, errors.New("away")
	}
	review.Status.Authenticated = review.Spec.Token == "good" || review.Spec.Token == "poor"
	review.Status.User.Username = review.Spec.Token
	return review, nil
}

func (r access) Create(_ context.Context, review *authorizationv1.SubjectAccessReview, _ metav1.CreateOptions) (*authorizationv1.SubjectAccessReview, error) {
	r.path = review.Spec.NonResourceAttributes.Path
	review.Status.Allowed = review.Spec.User == "good" && review.Spec.NonResourceAttributes.Verb == "get"
	return review, nil
}

func TestMetricsAreForWhoMayGetThem(t *testing.T) {
	for name, row := range map[string]struct {
		header string
		away   bool
		full   bool
		want   int
	}{
		"with the right":         {"Bearer good", false, false, http.StatusOK},
		"without the right":      {"Bearer poor", false, false, http.StatusForbidden},
		"a stranger's token":     {"Bearer forged", false, false, http.StatusUnauthorized},
		"no token":               {"", false, false, http.StatusUnauthorized},
		"a password":             {"Basic Z29vZA==", false, false, http.StatusUnauthorized},
		"the API server is away": {"Bearer good", true, false, http.StatusInternalServerError},
		"too many at once":       {"Bearer good", false, true, http.StatusTooManyRequests},
	} {
		t.Run(name, func(t *testing.T) {
			r := &reviews{away: row.away}
			d := &doorman{tokens: tokens{reviews: r}, access: access{reviews: r}, slots: make(chan struct{}, 1)}
			if row.full {
				d.slots <- struct{}{}
			}
			handler, err := d.filter(logr.Discard(), http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
			if err != nil {
				t.Fatal(err)
			}
			request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil)
			if row.header != "" {
				request.Header.Set("Authorization", row.header)
			}
			answer := httptest.NewRecorder()
			handler.ServeHTTP(answer, request)
			if answer.Code != row.want || (row.want == http.StatusOK && r.path != "/metrics") {
				t.Errorf("got %d for %q, want %d", answer.Code, r.path, row.want)
			}
		})
	}
}

// freeAddress is one of loopback where nothing listens.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}

func codeOf(ctx context.Context, url string) (int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}} //nolint:gosec // it is self-signed
	answer, err := client.Do(request)
	if err != nil {
		return 0, err
	}
	return answer.StatusCode, answer.Body.Close()
}

func TestHealthIsServedWhileTheOperatorRuns(t *testing.T) {
	address := freeAddress(t)
	err := serveBeside(t.Context(), nil, address, nowhere, func(ctx context.Context) error {
		for _, path := range []string{"/healthz", "/readyz"} {
			if code, err := codeOf(ctx, "http://"+address+path); err != nil || code != http.StatusOK {
				t.Errorf("%s: %d, %v", path, code, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	broken := errors.New("broken")
	if err := serveBeside(t.Context(), nil, nowhere, nowhere, func(context.Context) error { return broken }); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

// Who waits for the operator to be ready may ask for its metrics at once.
func TestAnOperatorIsReadyWhenItsMetricsCanBeCalled(t *testing.T) {
	health, metrics := freeAddress(t), freeAddress(t)
	err := serveBeside(t.Context(), &rest.Config{Host: "127.0.0.1:1"}, health, metrics, func(ctx context.Context) error {
		for code := 0; code != http.StatusOK; {
			var err error
			if code, err = codeOf(ctx, "http://"+health+"/readyz"); err != nil {
				return err
			}
		}
		if code, err := codeOf(ctx, "https://"+metrics+"/metrics"); err != nil || code != http.StatusUnauthorized {
			t.Errorf("ready, and metrics are %d, %v", code, err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
