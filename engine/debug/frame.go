package debug

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/google/go-dap"
)

// Bounds of a message. A variable's value, a memory dump or a source may be large;
// what is larger than this is a mistake or an attack.
const (
	maxContent     = 64 << 20
	maxHeaderLine  = 4 << 10
	maxHeaderLines = 16
)

// frameError tells that a stream does not carry the base protocol; nothing after it can be read.
type frameError struct{ reason string }

func (e *frameError) Error() string { return "not the Debug Adapter Protocol: " + e.reason }

// readFrame reads one message's content. Unlike go-dap it allows other headers
// beside Content-Length, bounds the header, and does not believe a length before
// the bytes have come.
func readFrame(r *bufio.Reader) ([]byte, error) {
	length := int64(-1)
	for lines := 0; ; lines++ {
		line, err := readHeaderLine(r)
		if err != nil {
			if errors.Is(err, io.EOF) && (lines > 0 || line != "") {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
		if line == "" {
			break
		}
		if lines == maxHeaderLines {
			return nil, &frameError{"too many headers"}
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			return nil, &frameError{fmt.Sprintf("header %.60q", line)}
		}
		if !strings.EqualFold(strings.TrimSpace(name), "Content-Length") {
			continue
		}
		length, err = strconv.ParseInt(strings.TrimSpace(value), 10, 64)
		if err != nil || length < 0 {
			return nil, &frameError{fmt.Sprintf("header %.60q", line)}
		}
	}
	if length < 0 {
		return nil, &frameError{"no Content-Length"}
	}
	if length > maxContent {
		return nil, &frameError{fmt.Sprintf("a message of %d bytes, at most %d are taken", length, maxContent)}
	}
	var content bytes.Buffer
	content.Grow(int(min(length, 64<<10)))
	if _, err := io.CopyN(&content, r, length); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	return content.Bytes(), nil
}

// readHeaderLine reads a line without its end.
func readHeaderLine(r *bufio.Reader) (string, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		if len(line) > maxHeaderLine {
			return "", &frameError{fmt.Sprintf("header %.60q", line)}
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		return strings.TrimRight(string(line), "\r\n"), err
	}
}

// writeFrame writes one message.
func writeFrame(w io.Writer, content []byte) error {
	var frame bytes.Buffer
	frame.Grow(len(content) + 40)
	if err := dap.WriteBaseMessage(&frame, content); err != nil {
		return err
	}
	_, err := w.Write(frame.Bytes())
	return err
}
