package agent

import (
	"bytes"
	"context"
	"net"
	"slices"
	"testing"
	"time"
)

// FuzzTwin: a twin runs in the app's image, as the app's user, and may say anything.
// The agent gets an answer or an error, and its reader ends.
func FuzzTwin(f *testing.F) {
	f.Add([]byte(`{"env":{"variables":["A=1"]}}` + "\n"))
	f.Add([]byte(`{"changed":true}` + "\n" + `{"error":"no"}` + "\n"))
	f.Add([]byte(`{}` + "\n" + `{}` + "\n" + `{}` + "\n"))
	f.Add([]byte("not JSON\n"))
	f.Add([]byte(`{"content":{"version":"","archive":"!"}}` + "\n"))
	f.Fuzz(func(t *testing.T, said []byte) {
		ours, theirs := net.Pipe()
		conn := newTwinConn(ours, func() {})
		defer conn.close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		talked := make(chan struct{})
		go func() {
			defer close(talked)
			defer func() { _ = theirs.Close() }()
			var question [4096]byte
			if _, err := theirs.Read(question[:]); err != nil {
				return
			}
			_, _ = theirs.Write(said)
		}()
		answer, err := conn.ask(ctx, twinRequest{Op: opEnv})
		if (answer == nil) == (err == nil) {
			t.Errorf("got %+v, %v", answer, err)
		}
		conn.close()
		<-talked
	})
}

// FuzzFrames: callers and servers may send anything. What is made of it is the same
// however it is cut, and but for the fields that are added, as long.
func FuzzFrames(f *testing.F) {
	f.Add(append(bytes.Clone(preface), "\x00\x00\x00\x04\x00\x00\x00\x00\x00"...), uint8(3))
	f.Add([]byte("\x00\x00\x01\x01\x04\x00\x00\x00\x01\x82\x00\x00\x04\x03\x00\x00\x00\x00\x01\x00\x00\x00\x02"), uint8(1))
	f.Add([]byte("\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x05\x00\xff\xff\xff\xff\xff\xff\x09\x04\x00\x00\x00\x05"), uint8(2))
	f.Fuzz(func(t *testing.T, said []byte, part uint8) {
		made := func(part int) (n numbers, written, read []byte) {
			n.preface = len(preface)
			var c codes
			c.choose(1, 8)
			var a answers
			for b := range slices.Chunk(said, part) {
				n.pass(b)
				written = append(written, c.pass(b)...)
				b = bytes.Clone(b)
				a.pass(b)
				read = append(read, b...)
			}
			return n, written, read
		}
		n1, written1, read1 := made(len(said) + 1)
		n2, written2, read2 := made(int(part) + 1)
		if !bytes.Equal(n1.out, n2.out) || !bytes.Equal(written1, written2) || !bytes.Equal(read1, read2) {
			t.Errorf("parts of %d make a difference", part)
		}
		if len(written1) != len(said) || len(read1) != len(said) {
			t.Errorf("%d bytes became %d and %d", len(said), len(written1), len(read1))
		}
	})
}
