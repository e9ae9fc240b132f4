package tunnel

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"syscall"
	"testing"
)

// FuzzStreamHeader: a stream's first chunk is read whole or not at all, and without a kind it is none.
func FuzzStreamHeader(f *testing.F) {
	for _, h := range []Header{{Kind: KindTCP, Port: 80}, {Kind: KindDNS}, {Kind: KindFile}} {
		raw, err := message(chunkHeader, h)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Add([]byte{1, 0, 0, 2, '{', '}'})
	f.Add([]byte{1, 0, 0, 9, '{', '"', 'k', 'i', 'n', 'd', '"', ':', '1'})
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := parseHeader(bufio.NewReader(bytes.NewReader(b)))
		if err == nil && (h.Kind == "" || len(b) < chunkHeaderSize+len(`{"kind":"x"}`)-1) {
			t.Errorf("%q is read as %+v", b, h)
		}
	})
}

// FuzzDatagrams: messages are read as they were written, and a broken one ends it.
func FuzzDatagrams(f *testing.F) {
	f.Add([]byte{0, 2, 'h', 'i', 0, 0})
	f.Add([]byte{0xff, 0xff, 0, 1, 'x'})
	f.Add([]byte{0xff, 0xfe, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		rest := slices.Clone(b)
		d := NewDatagrams(struct {
			io.Reader
			io.Writer
		}{bytes.NewReader(b), io.Discard})
		buffer := make([]byte, 1500)
		for {
			n, err := d.Read(buffer)
			switch {
			case errors.Is(err, syscall.ECONNREFUSED):
				rest = rest[2:]
				continue
			case err != nil:
				return
			}
			length := int(binary.BigEndian.Uint16(rest))
			if n != min(length, len(buffer)) || !bytes.Equal(buffer[:n], rest[2:2+n]) {
				t.Fatalf("of %d bytes %d were read, or others", length, n)
			}
			rest = rest[2+length:]
		}
	})
}

// FuzzMuxFrame: what a multiplexer's header announces is within bounds, or refused.
func FuzzMuxFrame(f *testing.F) {
	f.Add([]byte{0, muxTypeData, 0, 0, 0, 0, 0, 1, 0, 0, 0, 4})
	f.Add([]byte{0, muxTypeGoAway, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Add(bytes.Repeat([]byte{0xff}, muxHeaderSize))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < muxHeaderSize {
			return
		}
		body, err := muxBody(b[:muxHeaderSize])
		if err == nil && (body < 0 || body > muxMaxFrame) {
			t.Errorf("%x announces a body of %d bytes", b[:muxHeaderSize], body)
		}
	})
}
