package main

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func ask(t *testing.T, path string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w
}

func prices(t *testing.T, answer http.HandlerFunc) {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	t.Setenv("PRICES_URL", server.URL)
}

func TestCartAddsUpAndTellsWhatItWasTold(t *testing.T) {
	prices(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"cents": 5}`)) })
	file := filepath.Join(t.TempDir(), "banner.txt")
	if err := os.WriteFile(file, []byte("hello\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	token := filepath.Join(t.TempDir(), "token")
	claims := base64.RawURLEncoding.EncodeToString([]byte(`{"sub": "system:serviceaccount:shop:cart"}`))
	if err := os.WriteFile(token, []byte("e30."+claims+".c2ln"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"CURRENCY": "EUR", "REGION": "eu-north", "PAYMENT_TOKEN": "hidden!", "EDITION": "harvest", "BANNER_FILE": file, "IDENTITY_FILE": token,
	} {
		t.Setenv(name, value)
	}
	answer := ask(t, "/cart/ann")
	var cart Cart
	if err := json.Unmarshal(answer.Body.Bytes(), &cart); err != nil {
		t.Fatal(err)
	}
	if cart.Customer != "ann" || cart.Total != 15 || len(cart.Lines) != 3 {
		t.Errorf("got %+v", cart)
	}
	if want := (Settings{"EUR", "eu-north", "7 characters", "harvest", "hello", "system:serviceaccount:shop:cart"}); cart.Settings != want {
		t.Errorf("settings %+v, want %+v", cart.Settings, want)
	}
	if strings.Contains(answer.Body.String(), "hidden!") {
		t.Error("the Secret is in the answer")
	}
}

func TestCartGoesOnWithoutItsFiles(t *testing.T) {
	prices(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"cents": 5}`)) })
	t.Setenv("BANNER_FILE", filepath.Join(t.TempDir(), "none"))
	t.Setenv("IDENTITY_FILE", filepath.Join(t.TempDir(), "none"))
	answer := ask(t, "/cart/ann")
	if text := answer.Body.String(); answer.Code != http.StatusOK || !strings.Contains(text, "no banner: open") || !strings.Contains(text, "no token: open") {
		t.Errorf("got %d, %s", answer.Code, answer.Body)
	}
}

func TestCartTellsThatItHasNoPrices(t *testing.T) {
	prices(t, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "closed", http.StatusServiceUnavailable) })
	if answer := ask(t, "/cart/ann"); answer.Code != http.StatusBadGateway || !strings.Contains(answer.Body.String(), "closed") {
		t.Errorf("got %d, %s", answer.Code, answer.Body)
	}
}
