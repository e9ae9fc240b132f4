package agent

import (
	"context"
	"net"
	"testing"
	"time"
)

// FuzzTwin: a twin runs in the app's image, as the app's user, and may say anything.
// The agent gets an answer or an error, and its reader ends.
func FuzzTwin(f *testing.F) {
	f.Add([]byte(`{"env":{"variables":["A=1"]}}` + "\n"))
	f.Add([]byte(`{"changed":true}` + "\n" + `{"error":"no"}` + "\n"))
	f.Add([]byte(`{}` + "\n" + `{}` + "\n" + `{}` + "\n"))
	f.Add([]byte("not JSON\n"))
	f.Add([]byte(`{"content":{"version":"","archive":"!"}}` + "\n"))
	f.Fuzz(func(t *testing.T, said []byte) {
		ours, theirs := net.Pipe()
		conn := newTwinConn(ours, func() {})
		defer conn.close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		talked := make(chan struct{})
		go func() {
			defer close(talked)
			defer func() { _ = theirs.Close() }()
			var question [4096]byte
			if _, err := theirs.Read(question[:]); err != nil {
				return
			}
			_, _ = theirs.Write(said)
		}()
		answer, err := conn.ask(ctx, twinRequest{Op: opEnv})
		if (answer == nil) == (err == nil) {
			t.Errorf("got %+v, %v", answer, err)
		}
		conn.close()
		<-talked
	})
}
