package server_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/kubetunnel/kubetunnel/protocol"
	"github.com/kubetunnel/kubetunnel/protocol/gen"
	"github.com/kubetunnel/kubetunnel/server"
	"github.com/kubetunnel/kubetunnel/server/rpc"
)

// methods is every request of the contract, with what reaches the engine.
var methods = []struct {
	method, params, call, result string
}{
	{gen.MethodListContexts, `{"unless":"2"}`, "contexts 2", `{"contexts":[],"revision":"3"}`},
	{gen.MethodListContexts, `null`, "contexts ", `{"contexts":[],"revision":"3"}`},
	{gen.MethodListNamespaces, `{"context":"c","unless":"3"}`, "namespaces c 3", `{"namespaces":[],"revision":"4"}`},
	{gen.MethodListServices, `{"context":"c","namespace":"n","unless":"1","unknown":1}`, "services c n 1", `{"services":[{"name":"cart","namespace":"","type":"","ports":[]}],"revision":"2"}`},
	{gen.MethodEndIntercept, `{"service":"cart"}`, "endIntercept cart", `{}`},
	{gen.MethodSuggestSession, `{"target":{"service":"cart"},"file":"/a.go"}`, "suggest /a.go", `{"suggestions":[]}`},
	{gen.MethodOperatorStatus, `{"context":"c"}`, "status c", `{"installed":false,"wanted":"1","ready":false}`},
	{gen.MethodInstallOperator, `{"context":"c"}`, "install c", `{"installed":true,"wanted":"1","ready":false}`},
	{gen.MethodUninstallOperator, `{"context":"c"}`, "uninstall c", `{}`},
	{gen.MethodResolveSession, `{"target":{"service":"cart"},"launch":{"type":"go"}}`, "resolve cart", `{"kind":"debug","launch":{"type":"go"}}`},
	{gen.MethodPreflight, `{"target":{"service":"cart"}}`, "preflight", `{"diagnostics":[]}`},
	{gen.MethodStartSession, `{"id":"a","target":{"service":"cart"}}`, "start a", `{"session":{"id":"a","kind":"debug","target":{"service":""},"state":"starting","reason":"it is starting"}}`},
	{gen.MethodSessionEnvironment, `{"id":"a","env":{"A":"1","B":null}}`, "environment a", `{"env":{"A":"1","B":null}}`},
	{gen.MethodJoinSession, `{"id":"a","processId":7}`, "join a 7", `{}`},
	{gen.MethodStopSession, `{"id":"a"}`, "stop a", `{"session":{"id":"a","kind":"debug","target":{"service":""},"state":"ended","reason":"it is ended"}}`},
	{gen.MethodRestartSession, `{"id":"a"}`, "restart a", `{}`},
	{gen.MethodListSessions, ``, "", `{"sessions":[]}`},
	{gen.MethodSessionTraffic, `{"id":"a"}`, "traffic a", `{"connections":7,"origin":0,"requests":0,"active":0,"bytesIn":0,"bytesOut":0}`},
}

func TestMethodsReachTheEngineAndAnswerWithArraysNotNull(t *testing.T) {
	b := &backend{}
	e := open(t, b)
	for _, m := range methods {
		var params any
		if m.params != "" {
			params = json.RawMessage(m.params)
		}
		var result json.RawMessage
		if err := e.Server.Conn.Call(t.Context(), m.method, params, &result); err != nil {
			t.Errorf("%s: %v", m.method, err)
			continue
		}
		if string(result) != m.result {
			t.Errorf("%s: got %s, want %s", m.method, result, m.result)
		}
		if m.call != "" && !b.has(m.call) {
			t.Errorf("%s: %q did not reach the engine", m.method, m.call)
		}
	}
}

func TestErrorsOfTheEngineReachTheEditor(t *testing.T) {
	b := &backend{}
	e := open(t, b)
	b.err = fmt.Errorf("wrapped: %w", protocol.Errorf(protocol.CodeForbidden, "no").On("Service", "shop", "cart"))
	for _, m := range methods {
		if m.call == "" || m.params == "null" {
			continue
		}
		got := numbered(t, e.Server.Conn.Call(t.Context(), m.method, json.RawMessage(m.params), nil), protocol.CodeForbidden)
		if got.Data.Object == nil || !got.Data.ShowUser {
			t.Errorf("%s: %+v", m.method, got)
		}
	}
}

func TestUnknownMethodsAndBadParamsAreRefused(t *testing.T) {
	e := open(t, &backend{})
	expectCode(t, e.Server.Conn.Call(t.Context(), "cluster/destroy", nil, nil), protocol.CodeMethodNotFound)
	for method, params := range map[string]string{
		gen.MethodStopSession: `{"id":7}`, gen.MethodListServices: `["c"]`, gen.MethodStartSession: `{"id":"a","target":{"service":"cart","localPort":1.5}}`,
		gen.MethodRestartSession: `"a"`, gen.MethodSessionTraffic: `{"id":{}}`,
	} {
		expectCode(t, e.Server.Conn.Call(t.Context(), method, json.RawMessage(params), nil), protocol.CodeInvalidParams)
	}
}

func TestPreflightPutsErrorsFirst(t *testing.T) {
	b := &backend{found: []protocol.Diagnostic{
		{Severity: protocol.SeverityInfo, Code: 1}, {Severity: protocol.SeverityWarning, Code: 2},
		{Severity: protocol.SeverityError, Code: 3}, {Severity: protocol.SeverityError, Code: 4},
	}}
	result, err := open(t, b).Server.Preflight(t.Context(), &protocol.PreflightParams{})
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	for _, d := range result.Diagnostics {
		got += fmt.Sprint(d.Code)
	}
	if got != "3421" {
		t.Errorf("got %s", got)
	}
}

func TestCancellingAStartEndsTheSession(t *testing.T) {
	started, ended := make(chan struct{}), make(chan struct{})
	b := &backend{start: func(ctx context.Context, p *protocol.StartSessionParams, l server.Listener) (*protocol.StartSessionResult, error) {
		l.SessionChanged(session(p.ID, protocol.StateStarting, protocol.StagePreflight))
		close(started)
		<-ctx.Done()
		l.SessionChanged(session(p.ID, protocol.StateEnded, protocol.StagePreflight, protocol.StageRestore))
		close(ended)
		return nil, protocol.Errorf(protocol.CodeRequestCancelled, "session %s was cancelled", p.ID)
	}}
	e := open(t, b)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-started
		cancel()
	}()
	if _, err := e.Server.StartSession(ctx, &protocol.StartSessionParams{ID: "a", WorkDoneToken: "t"}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	<-ended
	if _, err := e.WaitState(t.Context(), "a", protocol.StateEnded); err != nil {
		t.Error(err)
	}
	if _, err := e.WaitProgress(t.Context(), "t"); err != nil {
		t.Error(err)
	}
}

func TestPanicOfTheEngineIsAnAnswerAndTheServerGoesOn(t *testing.T) {
	b := &backend{start: func(context.Context, *protocol.StartSessionParams, server.Listener) (*protocol.StartSessionResult, error) {
		panic("ouch")
	}}
	e := open(t, b)
	_, err := e.Server.StartSession(t.Context(), &protocol.StartSessionParams{ID: "a"})
	expectCode(t, err, protocol.CodeInternalError)
	if _, err := e.Server.ListSessions(t.Context(), &protocol.Empty{}); err != nil {
		t.Error(err)
	}
}

// TestOutputThatTheEditorDoesNotReadIsLeftOutAndTold: states are not left out.
func TestOutputThatTheEditorDoesNotReadIsLeftOutAndTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &backend{}
		ours, theirs := net.Pipe()
		served := make(chan int, 1)
		go func() { served <- server.Serve(t.Context(), theirs, options(b)) }()
		editor := newSlowEditor(ours)
		editor.send(t, `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"1.0"}}`)
		editor.expect(t, `"id":1`)
		editor.send(t, `{"jsonrpc":"2.0","id":2,"method":"session/start","params":{"id":"a"}}`)
		editor.expect(t, `"id":2`)
		const chunk = 1 << 20
		text := strings.Repeat("x", chunk)
		for range 40 {
			b.heard().SessionOutput("a", "stdout", text)
		}
		b.heard().SessionChanged(session("a", protocol.StateLive))
		editor.expect(t, `"state":"live"`)
		b.heard().SessionOutput("a", "stdout", "more")
		editor.expect(t, "bytes of output were left out")
		_ = ours.Close()
		<-served
	})
}

// slowEditor reads only when it is told to.
type slowEditor struct {
	conn net.Conn
	got  strings.Builder
}

func newSlowEditor(conn net.Conn) *slowEditor { return &slowEditor{conn: conn} }

func (e *slowEditor) send(t *testing.T, content string) {
	t.Helper()
	if _, err := fmt.Fprintf(e.conn, "Content-Length: %d\r\n\r\n%s", len(content), content); err != nil {
		t.Fatal(err)
	}
}

// expect reads until a text has come.
func (e *slowEditor) expect(t *testing.T, text string) {
	t.Helper()
	buf := make([]byte, 1<<21)
	e.got.Reset()
	for !strings.Contains(e.got.String(), text) {
		n, err := e.conn.Read(buf)
		if err != nil {
			t.Fatalf("%q did not come: %v", text, err)
		}
		if e.got.Len() > 1<<21 {
			e.got.Reset()
		}
		e.got.Write(buf[:n])
	}
}

func TestLogIsShownInTheEditorFromLevelInfo(t *testing.T) {
	b := &backend{}
	opts := options(b)
	var file strings.Builder
	opts.EditorLog = server.NewEditorLog(slog.NewTextHandler(io.Writer(&file), &slog.HandlerOptions{Level: slog.LevelWarn}))
	log := slog.New(opts.EditorLog)
	log.Info("before the editor")
	e := dial(t, opts)
	if err := e.Open(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	log.Debug("too fine")
	log.With("session", "a b").WithGroup("g").Warn("look", "error", errors.New("bad"), "n", 3)
	log.Info("done")
	if err := e.Wait(t.Context(), "two lines", func() (bool, error) { return len(e.Logs()) == 2, nil }); err != nil {
		t.Fatal(err)
	}
	if got := e.Logs()[0]; got.Level != "warn" || got.Message != `look session="a b" g.error=bad g.n=3` {
		t.Errorf("got %+v", got)
	}
	if got := file.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "g.error=bad") {
		t.Errorf("the file has %q", got)
	}
}

var _ gen.Caller = (*rpc.Conn)(nil)
