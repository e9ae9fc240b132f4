package rpc

import (
	"bufio"
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
	"time"

	"github.com/kubetunnel/kubetunnel/protocol"
)

// peer is the far side of a Conn, byte by byte.
type peer struct {
	t    *testing.T
	conn net.Conn
	r    *bufio.Reader
	rpc  *Conn
}

func newPeer(t *testing.T, dispatch Dispatch) *peer {
	t.Helper()
	ours, theirs := net.Pipe()
	p := &peer{t: t, conn: ours, r: bufio.NewReaderSize(ours, maxHeaders)}
	p.rpc = New(t.Context(), theirs, dispatch, slog.New(slog.DiscardHandler))
	t.Cleanup(func() {
		_ = ours.Close()
		if err := p.rpc.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return p
}

func (p *peer) write(raw string) {
	p.t.Helper()
	if _, err := io.WriteString(p.conn, raw); err != nil {
		p.t.Fatal(err)
	}
}

func (p *peer) send(content string) {
	p.t.Helper()
	p.write(string(framed([]byte(content))))
}

// answer is any message that a Conn sends.
type answer struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  *protocol.Error `json:"error"`
}

func (p *peer) receive() answer {
	p.t.Helper()
	content, err := readFrame(p.r)
	if err != nil {
		p.t.Fatal(err)
	}
	var a answer
	if err := json.Unmarshal(content, &a); err != nil {
		p.t.Fatalf("%s: %v", content, err)
	}
	return a
}

func (p *peer) expectError(id string, code protocol.ErrorCode) {
	p.t.Helper()
	_ = p.refusal(id, code)
}

func (p *peer) refusal(id string, code protocol.ErrorCode) *protocol.Error {
	p.t.Helper()
	a := p.receive()
	if string(a.ID) != id || a.Error == nil || a.Error.Code != code {
		p.t.Fatalf("got id %s, error %v; want id %s, error %d", a.ID, a.Error, id, code)
	}
	return a.Error
}

// echo answers with the method's name; "wait" waits for its cancellation.
func echo(ctx context.Context, method string, params json.RawMessage) (any, error) {
	switch method {
	case "wait":
		<-ctx.Done()
		return nil, fmt.Errorf("waited: %w", ctx.Err())
	case "panic":
		panic("ouch")
	case "numbered":
		e := protocol.Errorf(protocol.CodeServiceNotFound, "no such Service").On("Service", "shop", "cart").WithFix(protocol.Fix{Title: "Look"})
		return nil, fmt.Errorf("deep: %w", errors.Join(fmt.Errorf("deeper: %w", e)))
	case "plain":
		return nil, errors.New("plain trouble")
	case "unwritable":
		return make(chan int), nil
	case "params":
		return params, nil
	}
	return method, nil
}

func (p *peer) expectAlive() {
	p.t.Helper()
	p.send(`{"jsonrpc":"2.0","id":"alive","method":"hello"}`)
	if a := p.receive(); string(a.ID) != `"alive"` || string(a.Result) != `"hello"` {
		p.t.Fatalf("got %+v", a)
	}
}

func TestBadMessageIsAnsweredAndTheConnectionGoesOn(t *testing.T) {
	for name, c := range map[string]struct {
		content string
		id      string
		code    protocol.ErrorCode
	}{
		"not JSON":             {`{"jsonrpc":`, "null", protocol.CodeParseError},
		"empty":                {``, "null", protocol.CodeParseError},
		"spaces":               {`  `, "null", protocol.CodeParseError},
		"not UTF-8 nor JSON":   {"\xff\xfe\x00", "null", protocol.CodeParseError},
		"too deep":             {strings.Repeat("[", 20000) + strings.Repeat("]", 20000), "null", protocol.CodeParseError},
		"batch":                {`[{"jsonrpc":"2.0","id":1,"method":"hello"}]`, "null", protocol.CodeInvalidRequest},
		"string":               {`"hello"`, "null", protocol.CodeInvalidRequest},
		"null":                 {`null`, "null", protocol.CodeInvalidRequest},
		"nothing known":        {`{}`, "null", protocol.CodeInvalidRequest},
		"no method":            {`{"jsonrpc":"2.0","id":7}`, "7", protocol.CodeInvalidRequest},
		"method is a number":   {`{"jsonrpc":"2.0","id":7,"method":3}`, "7", protocol.CodeInvalidRequest},
		"request and answer":   {`{"jsonrpc":"2.0","id":7,"method":"hello","result":3}`, "7", protocol.CodeInvalidRequest},
		"negative id":          {`{"jsonrpc":"2.0","id":-1,"method":"hello"}`, "null", protocol.CodeInvalidRequest},
		"broken id":            {`{"jsonrpc":"2.0","id":1.5,"method":"hello"}`, "null", protocol.CodeInvalidRequest},
		"id is an object":      {`{"jsonrpc":"2.0","id":{},"method":"hello"}`, "null", protocol.CodeInvalidRequest},
		"id beyond 64 bits":    {`{"jsonrpc":"2.0","id":99999999999999999999,"method":"hello"}`, "null", protocol.CodeInvalidRequest},
		"two messages in one":  {`{"jsonrpc":"2.0","id":1,"method":"hello"}{}`, "null", protocol.CodeParseError},
		"method in other case": {`{"jsonrpc":"2.0","id":8,"METHOD":"hello"}`, "8", protocol.CodeInvalidRequest},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPeer(t, echo)
			p.send(c.content)
			p.expectError(c.id, c.code)
			p.expectAlive()
		})
	}
}

func TestAnswersToNothingAreNotAnswered(t *testing.T) {
	for _, content := range []string{
		`{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"what?"}}`,
		`{"jsonrpc":"2.0","id":99,"result":1}`,
		`{"jsonrpc":"2.0","id":-5,"result":1}`,
		`{"jsonrpc":"2.0","id":"x","error":"not an object"}`,
	} {
		p := newPeer(t, echo)
		p.send(content)
		p.expectAlive()
	}
}

func TestUnfollowableStreamEndsWithAnAnswer(t *testing.T) {
	p := newPeer(t, echo)
	p.write("Content-Length: much\r\n\r\n")
	if e := p.refusal("null", protocol.CodeInvalidRequest); !strings.Contains(e.Message, "much") {
		t.Errorf("got %q", e.Message)
	}
	if _, err := readFrame(p.r); !errors.Is(err, io.EOF) {
		t.Errorf("the connection goes on: %v", err)
	}
	<-p.rpc.Done()
}

func TestEndWithinAMessageIsACleanEnd(t *testing.T) {
	for _, half := range []string{"Content-", "Content-Length: 10\r\n\r\n{"} {
		p := newPeer(t, echo)
		p.write(half)
		_ = p.conn.Close()
		<-p.rpc.Done()
	}
}

func TestRequestsRunSideBySideAndAreCancelledOneByOne(t *testing.T) {
	for _, id := range []string{`1`, `0`, `"1"`, `""`} {
		p := newPeer(t, echo)
		p.send(`{"jsonrpc":"2.0","id":` + id + `,"method":"wait"}`)
		p.send(`{"jsonrpc":"2.0","id":"other","method":"wait"}`)
		p.expectAlive()
		p.send(`{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":"nobody"}}`)
		p.send(`{"jsonrpc":"2.0","method":"$/cancelRequest","params":"junk"}`)
		p.send(`{"jsonrpc":"2.0","method":"$/cancelRequest"}`)
		p.send(`{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":` + id + `}}`)
		p.expectError(id, protocol.CodeRequestCancelled)
		p.expectAlive()
		p.send(`{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":"other"}}`)
		p.expectError(`"other"`, protocol.CodeRequestCancelled)
	}
}

func TestIDInUseIsRefused(t *testing.T) {
	p := newPeer(t, echo)
	p.send(`{"jsonrpc":"2.0","id":1,"method":"wait"}`)
	p.send(`{"jsonrpc":"2.0","id":1,"method":"hello"}`)
	p.expectError("1", protocol.CodeInvalidRequest)
	p.send(`{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":1}}`)
	p.expectError("1", protocol.CodeRequestCancelled)
}

func TestErrorsKeepCodeMessageAndData(t *testing.T) {
	p := newPeer(t, echo)
	p.send(`{"jsonrpc":"2.0","id":1,"method":"numbered"}`)
	e := p.refusal("1", protocol.CodeServiceNotFound)
	if e.Message != "no such Service" || !e.Data.ShowUser || e.Data.Object == nil || e.Data.Object.String() != "Service shop/cart" || e.Data.Fix == nil || e.Data.Fix.Title != "Look" {
		t.Errorf("got %+v", e)
	}
	p.send(`{"jsonrpc":"2.0","id":2,"method":"plain"}`)
	if e := p.refusal("2", protocol.CodeInternalError); e.Message != "plain trouble" || !e.Data.ShowUser {
		t.Errorf("got %+v", e)
	}
}

func TestPanicAndUnwritableResultAreAnswered(t *testing.T) {
	p := newPeer(t, echo)
	for _, method := range []string{"panic", "unwritable"} {
		p.send(`{"jsonrpc":"2.0","id":1,"method":"` + method + `"}`)
		p.expectError("1", protocol.CodeInternalError)
		p.send(`{"jsonrpc":"2.0","method":"` + method + `"}`)
		p.expectAlive()
	}
}

func TestCloseCancelsCallsAndSendsTheirAnswers(t *testing.T) {
	p := newPeer(t, echo)
	p.send(`{"jsonrpc":"2.0","id":1,"method":"wait"}`)
	p.expectAlive()
	closed := make(chan error)
	go func() { closed <- p.rpc.Close() }()
	p.expectError("1", protocol.CodeRequestCancelled)
	if err := <-closed; err != nil {
		t.Error(err)
	}
	if err := p.rpc.Notify(t.Context(), "x", nil); !errors.Is(err, net.ErrClosed) {
		t.Errorf("notify after close: %v", err)
	}
}

func TestCallsEndWithTheConnection(t *testing.T) {
	ended := make(chan error, 1)
	p := newPeer(t, func(ctx context.Context, _ string, _ json.RawMessage) (any, error) {
		<-ctx.Done()
		ended <- ctx.Err()
		return nil, ctx.Err()
	})
	p.send(`{"jsonrpc":"2.0","id":1,"method":"wait"}`)
	_ = p.conn.Close()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestCallThatDoesNotEndIsLeftBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		release := make(chan struct{})
		c := New(t.Context(), theirs, func(context.Context, string, json.RawMessage) (any, error) {
			<-release
			return nil, nil
		}, slog.New(slog.DiscardHandler))
		if _, err := ours.Write(framed([]byte(`{"jsonrpc":"2.0","id":1,"method":"stuck"}`))); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		began := time.Now()
		if err := c.Close(); err == nil || time.Since(began) < closeTimeout {
			t.Errorf("closed after %s: %v", time.Since(began), err)
		}
		close(release)
		_ = ours.Close()
	})
}

func TestCallIsAnsweredRefusedAndCancelled(t *testing.T) {
	p := newPeer(t, echo)
	type outcome struct {
		result string
		err    error
	}
	call := func(ctx context.Context) chan outcome {
		done := make(chan outcome, 1)
		go func() {
			var o outcome
			o.err = p.rpc.Call(ctx, "ask", map[string]int{"n": 1}, &o.result)
			done <- o
		}()
		return done
	}
	done := call(t.Context())
	asked := p.receive()
	p.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":"yes"}`, asked.ID))
	if o := <-done; o.err != nil || o.result != "yes" || string(asked.Params) != `{"n":1}` {
		t.Errorf("got %+v, %+v", o, asked)
	}

	done = call(t.Context())
	p.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"error":{"code":1201,"message":"no","data":{"showUser":true,"step":"agent"}}}`, p.receive().ID))
	var refused *protocol.Error
	if o := <-done; !errors.As(o.err, &refused) || refused.Code != 1201 || refused.Data.Step != protocol.StageAgent {
		t.Errorf("got %+v", o)
	}

	ctx, cancel := context.WithCancel(t.Context())
	done = call(ctx)
	asked = p.receive()
	cancel()
	if told := p.receive(); told.Method != cancelMethod || string(told.Params) != fmt.Sprintf(`{"id":%s}`, asked.ID) {
		t.Errorf("got %+v", told)
	}
	if o := <-done; !errors.Is(o.err, context.Canceled) {
		t.Errorf("got %+v", o)
	}

	done = call(t.Context())
	p.receive()
	_ = p.conn.Close()
	if o := <-done; !errors.Is(o.err, net.ErrClosed) {
		t.Errorf("got %+v", o)
	}
}

// FuzzConn: whatever comes in, the connection ends cleanly and without a panic.
func FuzzConn(f *testing.F) {
	for _, s := range []string{
		`{"jsonrpc":"2.0","id":1,"method":"hello"}`, `{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":1}}`,
		`{"id":null,"error":{}}`, `{"id":1,"result":null}`, `[]`, `{`, `{"method":"panic","id":"a"}`,
	} {
		f.Add([]byte(s), true)
		f.Add([]byte(s), false)
	}
	f.Fuzz(func(t *testing.T, content []byte, frameIt bool) {
		raw := content
		if frameIt {
			raw = framed(content)
		}
		ours, theirs := net.Pipe()
		c := New(t.Context(), theirs, echo, slog.New(slog.DiscardHandler))
		drained := make(chan struct{})
		go func() {
			_, _ = io.Copy(io.Discard, ours)
			close(drained)
		}()
		_, _ = ours.Write(raw)
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		_ = ours.Close()
		<-drained
		<-c.Done()
	})
}
