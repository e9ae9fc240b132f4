package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestPricesKnowsWhatItSells(t *testing.T) {
	for path, want := range map[string]struct{ status, cents int }{
		"/prices/coffee": {http.StatusOK, 740},
		"/prices/gold":   {http.StatusNotFound, 0},
		"/healthz":       {http.StatusOK, 0},
	} {
		w := httptest.NewRecorder()
		handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		var price Price
		_ = json.Unmarshal(w.Body.Bytes(), &price) // not all answers are prices
		if w.Code != want.status || price.Cents != want.cents {
			t.Errorf("%s: %d, %s", path, w.Code, w.Body)
		}
	}
}
