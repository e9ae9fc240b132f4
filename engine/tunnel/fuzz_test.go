package tunnel

import (
	"bufio"
	"bytes"
	"testing"
)

func FuzzGreeting(f *testing.F) {
	f.Add(hello{major: 1, id: pipeID{1}, received: 7}.append(nil))
	f.Add(welcome{major: 1, status: statusResume}.append(nil))
	f.Add(appendResumed(nil, 9))
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if h, err := readHello(bytes.NewReader(b)); err == nil && !bytes.Equal(h.append(nil), b[:helloSize]) {
			t.Errorf("hello %x is read as %+v", b, h)
		}
		if w, err := readWelcome(bytes.NewReader(b)); err == nil && !bytes.Equal(w.append(nil), b[:welcomeSize]) {
			t.Errorf("welcome %x is read as %+v", b, w)
		}
		if n, err := readResumed(bytes.NewReader(b)); err == nil && !bytes.Equal(appendResumed(nil, n), b[:resumedSize]) {
			t.Errorf("resumed %x is read as %d", b, n)
		}
	})
}

func FuzzFrameHeader(f *testing.F) {
	f.Add([]byte{0, 0, 0, 1})
	f.Add([]byte{1, 0, 0, 8})
	f.Add([]byte{0, 255, 255, 255})
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < frameHeaderSize {
			return
		}
		kind, length, err := parseFrameHeader([frameHeaderSize]byte(b[:frameHeaderSize]))
		if err == nil && (length < 0 || length > maxFrame || !bytes.Equal(appendFrameHeader(nil, kind, length), b[:frameHeaderSize])) {
			t.Errorf("%x is read as kind %d, %d bytes", b, kind, length)
		}
	})
}

func FuzzChunkHeader(f *testing.F) {
	f.Add([]byte{0, 0, 0, 1, 'x'})
	f.Add([]byte{1, 0, 0, 2, '{', '}'})
	f.Add([]byte{3, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		kind, length, err := peekChunk(bufio.NewReader(bytes.NewReader(b)))
		if err == nil && (length < 0 || length > maxChunk || !bytes.Equal(appendChunkHeader(nil, kind, length), b[:chunkHeaderSize])) {
			t.Errorf("%x is read as kind %d, %d bytes", b, kind, length)
		}
	})
}

func FuzzKeys(f *testing.F) {
	k, err := GenerateKey()
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(k.Public()))
	f.Add(k.Marshal())
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, err := ParsePublicKey(string(b)); err == nil && string(p) != string(b) {
			t.Errorf("%q is read as %q", b, p)
		}
		if p, err := ParsePrivateKey(b); err == nil {
			if again, err := ParsePrivateKey(p.Marshal()); err != nil || again.Public() != p.Public() {
				t.Errorf("a key does not survive: %v", err)
			}
		}
	})
}
