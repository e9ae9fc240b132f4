// Package rpc is the JSON-RPC 2.0 side of a connection: Content-Length framing,
// dispatch, cancellation, calls in flight. It alone knows sourcegraph/jsonrpc2,
// and imports nothing else of this module than protocol.
package rpc

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

const (
	// maxContent bounds a message, maxHeaders the lines before it.
	maxContent = 64 << 20
	maxHeaders = 4 << 10
)

// FrameError means that the stream of messages can't be followed any further.
type FrameError struct{ Message string }

func (e *FrameError) Error() string { return "framing: " + e.Message }

// readFrame reads one message: headers as of the LSP's base protocol, then the
// content. The end of the stream between two messages is io.EOF, within one io.ErrUnexpectedEOF.
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
				err = fmt.Errorf("headers: %w", noEOF(err))
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

// framed puts the headers before a message.
func framed(content []byte) []byte {
	return append([]byte("Content-Length: "+strconv.Itoa(len(content))+"\r\n\r\n"), content...)
}
