package servertest_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os/exec"
	"testing"

	"github.com/kubetunnel/kubetunnel/protocol"
	"github.com/kubetunnel/kubetunnel/protocol/gen"
	"github.com/kubetunnel/kubetunnel/server/rpc"
	"github.com/kubetunnel/kubetunnel/server/servertest"
)

// newEditor gives an editor and the server's voice.
func newEditor(t *testing.T) (*servertest.Editor, gen.ClientCaller, io.Closer) {
	t.Helper()
	ours, theirs := net.Pipe()
	e := servertest.Connect(ours)
	conn := rpc.New(t.Context(), theirs, nil, slog.New(slog.DiscardHandler))
	t.Cleanup(func() { _, _ = e.Close(), conn.Close() })
	return e, gen.ClientCaller{Conn: conn}, conn
}

func tell(t *testing.T, voice gen.ClientCaller, states ...protocol.State) {
	t.Helper()
	for _, s := range states {
		if err := voice.SessionDidChange(t.Context(), &protocol.SessionInfo{ID: "a", State: s}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestWaitStateSeesStatesThatCameAndWent(t *testing.T) {
	e, voice, _ := newEditor(t)
	tell(t, voice, protocol.StateStarting, protocol.StateReady, protocol.StateLive, protocol.StateReconnecting, protocol.StateLive)
	if err := voice.SessionOutput(t.Context(), &protocol.SessionOutputParams{ID: "a", Output: "end\n"}); err != nil {
		t.Fatal(err)
	}
	if err := e.WaitOutput(t.Context(), "a", "end"); err != nil {
		t.Fatal(err)
	}
	for _, s := range []protocol.State{protocol.StateReady, protocol.StateReconnecting, protocol.StateLive, protocol.StateLive} {
		if info, err := e.WaitState(t.Context(), "a", s); err != nil || info.State != s {
			t.Errorf("%s: got %s, %v", s, info.State, err)
		}
	}
	if n := len(e.History("a")); n != 5 || e.Session("a").State != protocol.StateLive || e.Session("b").State != "" {
		t.Errorf("%d states", n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := e.WaitState(ctx, "a", protocol.StateReady); !errors.Is(err, context.Canceled) {
		t.Errorf("a state that was waited for is told again: %v", err)
	}
}

func TestWaitStateGivesUpWhenTheStateCannotComeAnyMore(t *testing.T) {
	e, voice, server := newEditor(t)
	tell(t, voice, protocol.StateFailed)
	if _, err := e.WaitState(t.Context(), "a", protocol.StateLive); !errors.Is(err, servertest.ErrNever) {
		t.Errorf("the session has failed: %v", err)
	}
	_ = server.Close()
	if _, err := e.WaitState(t.Context(), "b", protocol.StateLive); !errors.Is(err, servertest.ErrNever) {
		t.Errorf("the server has gone: %v", err)
	}
}

func TestStartOfWhatIsNoServerFails(t *testing.T) {
	if _, err := servertest.Start(t.Context(), "/does/not/exist", "", io.Discard); err == nil {
		t.Error("started nothing")
	}
	if _, err := servertest.Start(t.Context(), "/bin/true", "", io.Discard); err == nil {
		t.Error("true speaks the protocol")
	}
	e, err := servertest.Spawn(exec.Command("sh", "-c", "exit 3"))
	if err != nil {
		t.Fatal(err)
	}
	if code, err := e.WaitExit(t.Context()); code != 3 || err != nil {
		t.Errorf("exit code %d, %v", code, err)
	}
	_ = e.Close()
}
