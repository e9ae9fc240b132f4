package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestWebPassesOnWhatCartSays(t *testing.T) {
	cart := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/cart/ann" {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write([]byte(`{"total":3}`))
	}))
	defer cart.Close()
	t.Setenv("CART_URL", cart.URL)
	for path, want := range map[string]struct {
		status int
		text   string
	}{
		"/ann":     {http.StatusOK, `"cart":{"total":3}`},
		"/bob":     {http.StatusNotFound, "not found"},
		"/healthz": {http.StatusOK, ""},
	} {
		w := httptest.NewRecorder()
		handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		if w.Code != want.status || !strings.Contains(w.Body.String(), want.text) {
			t.Errorf("%s: %d, %s", path, w.Code, w.Body)
		}
	}
}
