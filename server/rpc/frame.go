// Package rpc is the JSON-RPC 2.0 side of a connection: Content-Length framing,
// dispatch, cancellation, calls in flight. It alone knows sourcegraph/jsonrpc2.
package rpc

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
)

const (
	// maxContent bounds a message, maxHeaders the lines before it.
	maxContent = 64 << 20
	maxHeaders = 4 << 10
)

// FrameError means that the stream of messages can't be followed any further.
type FrameError struct{ Message string }

func (e *FrameError) Error() string { return "framing: " + e.Message }

// readFrame reads one message: headers as of the LSP's base protocol, then the content.
func readFrame(r *bufio.Reader) ([]byte, error) {
	length, err := readHeaders(r)
	if err != nil {
		return nil, err
	}
	// Grown as it comes in: a length alone must not take memory.
	var content bytes.Buffer
	if _, err := io.CopyN(&content, r, int64(length)); err != nil {
		return nil, fmt.Errorf("message of %d bytes: %w", length, noEOF(err))
	}
	return content.Bytes(), nil
}

func readHeaders(r *bufio.Reader) (length int, err error) {
	length = -1
	for total := 0; ; {
		line, err := r.ReadSlice('\n')
		if total += len(line); total > maxHeaders || errors.Is(err, bufio.ErrBufferFull) {
			return 0, &FrameError{"the headers are too long"}
		}
		if err != nil {
			if total > 0 {
				err = noEOF(err)
			}
			return 0, err
		}
		text := strings.TrimRight(string(line), "\r\n")
		if text == "" {
			if length < 0 {
				return 0, &FrameError{"there is no Content-Length"}
			}
			return length, nil
		}
		name, value, ok := strings.Cut(text, ":")
		if !ok {
			return 0, &FrameError{fmt.Sprintf("%.40q is not a header", text)}
		}
		if !strings.EqualFold(strings.TrimSpace(name), "Content-Length") {
			continue
		}
		if length >= 0 {
			return 0, &FrameError{"there are two Content-Lengths"}
		}
		if length, err = parseLength(strings.TrimSpace(value)); err != nil {
			return 0, err
		}
	}
}

func parseLength(value string) (int, error) {
	n, err := strconv.ParseUint(value, 10, 63)
	if err != nil {
		return 0, &FrameError{fmt.Sprintf("Content-Length %.40q is not a length", value)}
	}
	if n > maxContent {
		return 0, &FrameError{fmt.Sprintf("a message of %d bytes, %d at most", n, maxContent)}
	}
	return int(n), nil
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// stream is a jsonrpc2.ObjectStream. What is not a message is answered here with
// an error of null id, and the stream goes on behind it (JSON-RPC 2.0 section 5.1).
type stream struct {
	r      *bufio.Reader
	closer io.Closer

	mu sync.Mutex
	w  io.Writer
}

func newStream(rwc io.ReadWriteCloser) *stream {
	return &stream{r: bufio.NewReaderSize(rwc, maxHeaders), w: rwc, closer: rwc}
}

// ReadObject reads the next message into what jsonrpc2 gives.
func (s *stream) ReadObject(v any) error {
	for {
		content, err := readFrame(s.r)
		var frame *FrameError
		if errors.As(err, &frame) {
			s.complain(-32600, frame.Error())
		}
		if err != nil {
			return err
		}
		code, problem := check(content)
		if problem == nil {
			if problem = json.Unmarshal(content, v); problem == nil {
				return nil
			}
		}
		s.complain(code, problem.Error())
	}
}

// check finds what jsonrpc2 would close the connection for.
func check(content []byte) (code int, err error) {
	if !json.Valid(content) {
		return -32700, errors.New("not JSON")
	}
	if trimmed := bytes.TrimSpace(content); len(trimmed) == 0 || trimmed[0] != '{' {
		return -32600, errors.New("not a request: want one JSON object (batches are not taken)")
	}
	return -32600, nil
}

func (s *stream) complain(code int, message string) {
	_ = s.WriteObject(map[string]any{
		"jsonrpc": "2.0", "id": nil, "error": map[string]any{"code": code, "message": message},
	})
}

// WriteObject writes one message in one write.
func (s *stream) WriteObject(v any) error {
	content, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("message: %w", err)
	}
	frame := append([]byte("Content-Length: "+strconv.Itoa(len(content))+"\r\n\r\n"), content...)
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err = s.w.Write(frame)
	return err
}

// Close closes the connection.
func (s *stream) Close() error { return s.closer.Close() }
