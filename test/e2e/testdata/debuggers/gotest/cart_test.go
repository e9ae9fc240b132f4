// Package gotest is a test that stands in for cart: it answers each call with what it
// finds in the pod, until it is ended.
package gotest

import (
	"encoding/json"
	"net"
	"net/http"
	"os"
	"testing"
)

func handle(w http.ResponseWriter, _ *http.Request) {
	host, _ := os.Hostname()
	answer := map[string]any{"servedBy": host, "currency": os.Getenv("CURRENCY")}
	total := len(answer)
	answer["total"] = total // breakpoint here
	_ = json.NewEncoder(w).Encode(answer)
}

func TestServe(t *testing.T) {
	listener, err := net.Listen("tcp", os.Getenv("LISTEN"))
	if err != nil {
		t.Fatal(err)
	}
	t.Log(http.Serve(listener, http.HandlerFunc(handle)))
}

func TestOther(t *testing.T) { t.Fatal("nobody asked for this one") }
