package httpd

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestServeAnswersWhatIsUnderWayBeforeItEnds(t *testing.T) {
	var config net.ListenConfig
	listener, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		stop() // as SIGTERM would, in the middle of a request
		<-ctx.Done()
		JSON(w, "served")
	})
	served := make(chan error, 1)
	go func() { served <- serve(ctx, listener, handler) }()
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	body, err := Fetch(t.Context(), client, "http://"+listener.Addr().String())
	if err != nil || string(body) != "\"served\"\n" {
		t.Errorf("got %q, %v", body, err)
	}
	if err := <-served; err != nil {
		t.Errorf("ended with %v", err)
	}
}

func TestFetchTellsWhatIsNoSuccess(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "gone fishing", http.StatusTeapot)
	}))
	defer server.Close()
	var answered *StatusError
	_, err := Fetch(t.Context(), server.Client(), server.URL)
	if !errors.As(err, &answered) || answered.Status != http.StatusTeapot || answered.Body != "gone fishing\n" {
		t.Errorf("got %v", err)
	}
}

func TestFailPassesOnThatSomethingIsNotThere(t *testing.T) {
	for _, row := range []struct {
		err  error
		want int
	}{
		{&StatusError{Status: http.StatusNotFound}, http.StatusNotFound},
		{&StatusError{Status: http.StatusInternalServerError}, http.StatusBadGateway},
		{errors.New("connection refused"), http.StatusBadGateway},
	} {
		w := httptest.NewRecorder()
		if Fail(w, row.err); w.Code != row.want {
			t.Errorf("%v: status %d, want %d", row.err, w.Code, row.want)
		}
	}
}
