package server_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/kubetunnel/kubetunnel/protocol"
	"github.com/kubetunnel/kubetunnel/server"
	"github.com/kubetunnel/kubetunnel/server/servertest"
)

// outline is a progress in short: kinds, stages and messages.
func outline(t *testing.T, e *servertest.Editor, token string) string {
	t.Helper()
	reports, err := e.WaitProgress(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, r := range reports {
		out = append(out, strings.TrimSpace(fmt.Sprintf("%s %s", r.Kind, r.Stage)))
	}
	return strings.Join(out, ", ")
}

func start(t *testing.T, e *servertest.Editor, id, token string) error {
	t.Helper()
	_, err := e.Server.StartSession(t.Context(), &protocol.StartSessionParams{ID: id, WorkDoneToken: token})
	return err
}

func TestProgressOfAStartFollowsTheSessionsStages(t *testing.T) {
	b := &backend{}
	e := open(t, b)
	if err := start(t, e, "a", "t"); err != nil {
		t.Fatal(err)
	}
	l := b.heard()
	l.SessionChanged(session("other", protocol.StateLive, protocol.StageDrain))
	l.SessionChanged(session("a", protocol.StateStarting, protocol.StagePreflight))
	l.SessionChanged(session("a", protocol.StateStarting, protocol.StagePreflight))
	l.SessionChanged(session("a", protocol.StateStarting, protocol.StagePreflight, protocol.StageSandbox, protocol.StageAgent))
	l.SessionChanged(session("a", protocol.StateLive, protocol.StagePreflight, protocol.StageSandbox, protocol.StageAgent, protocol.StageSwitch))
	l.SessionChanged(session("a", protocol.StateEnded, protocol.StagePreflight, protocol.StageSandbox, protocol.StageAgent, protocol.StageSwitch, protocol.StageRestore))
	if got := outline(t, e, "t"); got != "begin, report preflight, report sandbox, report agent, report switch, end switch" {
		t.Errorf("got %s", got)
	}
	if _, err := e.WaitState(t.Context(), "a", protocol.StateEnded); err != nil {
		t.Fatal(err)
	}
	if n := len(e.Progress()); n != 6 {
		t.Errorf("%d reports, some after the end", n)
	}
	for _, r := range e.Progress() {
		if r.Value.Kind == "report" && r.Value.Message == "" {
			t.Errorf("nothing for a person to read: %+v", r)
		}
	}
}

func TestProgressEndsWhenTheStartFails(t *testing.T) {
	b := &backend{err: errors.New("no luck")}
	b.start = func(_ context.Context, p *protocol.StartSessionParams, l server.Listener) (*protocol.StartSessionResult, error) {
		l.SessionChanged(session(p.ID, protocol.StateStarting, protocol.StagePreflight))
		return nil, errors.New("no luck")
	}
	e := dial(t, options(b))
	b.err = nil
	if err := e.Open(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	expectCode(t, start(t, e, "a", "t"), protocol.CodeInternalError)
	if got := outline(t, e, "t"); got != "begin, report preflight, end preflight" {
		t.Errorf("got %s", got)
	}
	if last := e.Progress()[2].Value; last.Message != "no luck" {
		t.Errorf("got %+v", last)
	}
}

func TestProgressOfAStartOfALiveSessionEndsAtOnce(t *testing.T) {
	b := &backend{}
	b.start = func(_ context.Context, p *protocol.StartSessionParams, _ server.Listener) (*protocol.StartSessionResult, error) {
		return &protocol.StartSessionResult{Session: session(p.ID, protocol.StateLive, protocol.StageSwitch)}, nil
	}
	e := open(t, b)
	if err := start(t, e, "a", "t"); err != nil {
		t.Fatal(err)
	}
	if got := outline(t, e, "t"); got != "begin, report switch, end switch" {
		t.Errorf("got %s", got)
	}
}

func TestTwoStartsOfASessionBothHaveTheirProgress(t *testing.T) {
	b := &backend{}
	e := open(t, b)
	for _, token := range []string{"one", "two", ""} {
		if err := start(t, e, "a", token); err != nil {
			t.Fatal(err)
		}
	}
	b.heard().SessionChanged(session("a", protocol.StateFailed, protocol.StageAgent))
	for _, token := range []string{"one", "two"} {
		if got := outline(t, e, token); got != "begin, report agent, end agent" {
			t.Errorf("%s: got %s", token, got)
		}
	}
	if n := len(e.Progress()); n != 6 {
		t.Errorf("%d reports", n)
	}
}

func TestProgressOfInstallAndUninstall(t *testing.T) {
	e := open(t, &backend{})
	if _, err := e.Server.InstallOperator(t.Context(), &protocol.InstallOperatorParams{WorkDoneToken: "in"}); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Server.UninstallOperator(t.Context(), &protocol.OperatorParams{WorkDoneToken: "out"}); err != nil {
		t.Fatal(err)
	}
	for token, message := range map[string]string{"in": "applying", "out": "removing"} {
		if got := outline(t, e, token); got != "begin, report, end" {
			t.Errorf("%s: got %s", token, got)
		}
		if reports, _ := e.WaitProgress(t.Context(), token); reports[1].Message != message {
			t.Errorf("%s: got %+v", token, reports)
		}
	}
}
