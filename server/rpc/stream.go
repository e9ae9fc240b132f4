package rpc

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"sync"

	"github.com/sourcegraph/jsonrpc2"

	"github.com/kubetunnel/kubetunnel/protocol"
)

// stream is a jsonrpc2.ObjectStream. It gives only messages that jsonrpc2 takes:
// for any other one jsonrpc2 would close the connection. What is no message is
// answered here with an error, and the stream goes on behind it (JSON-RPC 2.0 section 5.1).
//
// What is written goes through the outbox, so that nobody waits for a far side
// that does not read.
type stream struct {
	r      *bufio.Reader
	closer io.Closer
	out    *outbox
	log    *slog.Logger

	closing  sync.Once
	closeErr error
}

// newStream makes a stream; fail is called once if it can't be written to.
func newStream(rwc io.ReadWriteCloser, log *slog.Logger, fail func(error)) *stream {
	return &stream{r: bufio.NewReaderSize(rwc, maxHeaders), closer: rwc, log: log, out: newOutbox(rwc, fail)}
}

// ReadObject reads the next message into what jsonrpc2 gives.
func (s *stream) ReadObject(v any) error {
	for {
		content, err := readFrame(s.r)
		var frame *FrameError
		if errors.As(err, &frame) {
			s.log.Warn("the connection can't be followed any further", "error", frame)
			s.complain(nil, protocol.CodeInvalidRequest, frame)
			s.out.finish()
		}
		if err != nil {
			return err
		}
		if s.take(content, v) {
			return nil
		}
	}
}

// envelope is what tells the kinds of message apart.
type envelope struct {
	ID     json.RawMessage `json:"id"`
	Method json.RawMessage `json:"method"`
	Result json.RawMessage `json:"result"`
	Error  json.RawMessage `json:"error"`
}

// take reads a message into v; false when it was none.
func (s *stream) take(content []byte, v any) bool {
	content = bytes.TrimSpace(content)
	if !json.Valid(content) {
		s.complain(nil, protocol.CodeParseError, errors.New("not JSON"))
		return false
	}
	if content[0] != '{' {
		s.complain(nil, protocol.CodeInvalidRequest, errors.New("not a request: want one JSON object (batches are not taken)"))
		return false
	}
	var e envelope
	if err := json.Unmarshal(content, &e); err != nil {
		s.complain(nil, protocol.CodeInvalidRequest, err)
		return false
	}
	id, idErr := parseID(e.ID)
	if e.Method == nil && (e.Result != nil || e.Error != nil) {
		// An answer is never answered: two that complain to each other would never end.
		// jsonrpc2 takes null for the id 0.
		err := idErr
		if err == nil && id != nil {
			if err = json.Unmarshal(content, v); err == nil {
				return true
			}
		}
		s.log.Debug("an answer to nothing", "error", err, "answer", fmt.Sprintf("%.200s", content))
		return false
	}
	err := idErr
	if err == nil {
		err = json.Unmarshal(content, v)
	}
	if err != nil {
		s.complain(id, protocol.CodeInvalidRequest, err)
	}
	return err == nil
}

// parseID reads the id of a request; nil when there is none, as notifications have it.
func parseID(raw json.RawMessage) (*jsonrpc2.ID, error) {
	if len(raw) == 0 || bytes.Equal(raw, []byte("null")) {
		return nil, nil
	}
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return &jsonrpc2.ID{Str: text, IsString: true}, nil
	}
	// jsonrpc2 would take -1 for 2⁶⁴-1.
	n, err := strconv.ParseUint(string(raw), 10, 63)
	if err != nil {
		return nil, fmt.Errorf("the id %.40s is neither a string nor a number from 0", raw)
	}
	return &jsonrpc2.ID{Num: n}, nil
}

// complain answers what is no request.
func (s *stream) complain(id *jsonrpc2.ID, code protocol.ErrorCode, err error) {
	_ = s.WriteObject(map[string]any{
		"jsonrpc": "2.0", "id": id, "error": toWire(protocol.Errorf(code, "%w", err)),
	})
}

// WriteObject sends one message, without waiting for it.
func (s *stream) WriteObject(v any) error {
	content, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("message: %w", err)
	}
	return s.out.put(frame{content: framed(content)})
}

// Close ends both directions. What has not been sent is dropped. It may be called twice.
func (s *stream) Close() error {
	s.closing.Do(func() {
		s.out.close()
		s.closeErr = s.closer.Close()
	})
	return s.closeErr
}
