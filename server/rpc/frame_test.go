package rpc

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
)

func read(t *testing.T, stream string) ([]byte, error) {
	t.Helper()
	return readFrame(bufio.NewReaderSize(strings.NewReader(stream), maxHeaders))
}

func TestReadFrameTakesWhatTheBaseProtocolAllows(t *testing.T) {
	for name, stream := range map[string]string{
		"plain":              "Content-Length: 2\r\n\r\n{}",
		"lower case":         "content-length: 2\r\n\r\n{}",
		"no space":           "Content-Length:2\r\n\r\n{}",
		"content type":       "Content-Type: application/vscode-jsonrpc; charset=utf-8\r\nContent-Length: 2\r\n\r\n{}",
		"bare line ends":     "Content-Length: 2\n\n{}",
		"more behind":        "Content-Length: 2\r\n\r\n{}Content-Length: 1",
		"an unknown header":  "X-Trace: 1\r\nContent-Length: 2\r\n\r\n{}",
		"zeros before it":    "Content-Length: 0002\r\n\r\n{}",
		"spaces round it":    "Content-Length:   2  \r\n\r\n{}",
		"headers of 4 KiB":   "X: " + strings.Repeat("x", 4000) + "\r\nContent-Length: 2\r\n\r\n{}",
		"colon in the value": "X: a:b\r\nContent-Length: 2\r\n\r\n{}",
	} {
		t.Run(name, func(t *testing.T) {
			content, err := read(t, stream)
			if err != nil || string(content) != "{}" {
				t.Errorf("got %q, %v", content, err)
			}
		})
	}
}

func TestReadFrameRefusesWhatCannotBeFollowed(t *testing.T) {
	for name, stream := range map[string]string{
		"negative":         "Content-Length: -1\r\n\r\n{}",
		"signed":           "Content-Length: +2\r\n\r\n{}",
		"not a number":     "Content-Length: two\r\n\r\n{}",
		"hexadecimal":      "Content-Length: 0x2\r\n\r\n{}",
		"fraction":         "Content-Length: 2.0\r\n\r\n{}",
		"empty":            "Content-Length:\r\n\r\n{}",
		"giant":            "Content-Length: 67108865\r\n\r\n{}",
		"beyond 64 bits":   "Content-Length: 99999999999999999999999\r\n\r\n{}",
		"missing":          "Content-Type: x\r\n\r\n{}",
		"twice":            "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
		"no headers":       "\r\n{}",
		"not a header":     "{\"jsonrpc\":\"2.0\"}\r\n\r\n",
		"headers too long": strings.Repeat("X: y\r\n", 1000) + "\r\n",
		"line too long":    strings.Repeat("x", maxHeaders+1),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := read(t, stream)
			var frame *FrameError
			if !errors.As(err, &frame) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestReadFrameTellsAnEndBetweenMessagesFromOneWithin(t *testing.T) {
	if _, err := read(t, ""); !errors.Is(err, io.EOF) {
		t.Errorf("between: %v", err)
	}
	for _, stream := range []string{"C", "Content-Length: 2", "Content-Length: 2\r\n", "Content-Length: 2\r\n\r\n", "Content-Length: 2\r\n\r\n{"} {
		if _, err := read(t, stream); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%q: %v", stream, err)
		}
	}
}

func FuzzReadFrame(f *testing.F) {
	for _, s := range []string{"Content-Length: 2\r\n\r\n{}", "Content-Length: -1\r\n\r\n", "\r\n\r\n", "a:b\nContent-Length:1\n\nx", "Content-Length: 67108864\r\n\r\n{"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, stream []byte) {
		r := bufio.NewReaderSize(bytes.NewReader(stream), maxHeaders)
		for range len(stream) + 1 {
			content, err := readFrame(r)
			if err != nil {
				return
			}
			again, err := readFrame(bufio.NewReaderSize(bytes.NewReader(framed(content)), maxHeaders))
			if err != nil || !bytes.Equal(again, content) {
				t.Fatalf("%q came back as %q, %v", content, again, err)
			}
		}
		t.Fatal("more messages than bytes")
	})
}
