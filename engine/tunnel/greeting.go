package tunnel

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// The wire format's version, see spec.md. Another major version is refused.
const (
	versionMajor = 1
	versionMinor = 2
)

const (
	magic       = "KTP1"
	pipeIDSize  = 16
	nonceSize   = 32
	proofSize   = sha256.Size
	secretSize  = 32
	helloSize   = 4 + 2 + pipeIDSize + 8
	welcomeSize = 4 + 2 + 1 + pipeIDSize + nonceSize
	resumedSize = 1 + 8
)

type pipeID [pipeIDSize]byte

// status is the server's answer to a hello.
type status byte

const (
	statusNew     status = 0 // a new pipe begins
	statusResume  status = 1 // go on after a proof
	statusVersion status = 2 // the client's major version is not spoken here
	statusUnknown status = 3 // no such pipe
)

// hello is the first thing on every transport, from the client.
type hello struct {
	major, minor byte
	// id is zero for a new pipe.
	id pipeID
	// received counts the pipe's bytes that the client has.
	received uint64
}

// welcome is the server's answer.
type welcome struct {
	major, minor byte
	status       status
	id           pipeID
	// nonce is what a proof is made over.
	nonce [nonceSize]byte
}

// VersionError means that the two ends speak different major versions.
type VersionError struct{ Ours, Theirs byte }

func (e *VersionError) Error() string {
	return fmt.Sprintf("the far side speaks version %d of the tunnel, this one %d", e.Theirs, e.Ours)
}

var errNotTunnel = errors.New("not a tunnel: the greeting is another protocol's")

func (h hello) append(b []byte) []byte {
	b = append(b, magic...)
	b = append(b, h.major, h.minor)
	b = append(b, h.id[:]...)
	return binary.BigEndian.AppendUint64(b, h.received)
}

func readHello(r io.Reader) (h hello, err error) {
	var b [helloSize]byte
	if err := readMagic(r, b[:]); err != nil {
		return h, fmt.Errorf("hello: %w", err)
	}
	h.major, h.minor = b[4], b[5]
	copy(h.id[:], b[6:])
	h.received = binary.BigEndian.Uint64(b[6+pipeIDSize:])
	return h, nil
}

// readMagic fills b, but takes no more than the magic from another protocol.
func readMagic(r io.Reader, b []byte) error {
	if _, err := io.ReadFull(r, b[:len(magic)]); err != nil {
		return err
	}
	if string(b[:len(magic)]) != magic {
		return errNotTunnel
	}
	_, err := io.ReadFull(r, b[len(magic):])
	return err
}

func (w welcome) append(b []byte) []byte {
	b = append(b, magic...)
	b = append(b, w.major, w.minor, byte(w.status))
	b = append(b, w.id[:]...)
	return append(b, w.nonce[:]...)
}

func readWelcome(r io.Reader) (w welcome, err error) {
	var b [welcomeSize]byte
	if err := readMagic(r, b[:]); err != nil {
		return w, fmt.Errorf("welcome: %w", err)
	}
	w.major, w.minor, w.status = b[4], b[5], status(b[6])
	copy(w.id[:], b[7:])
	copy(w.nonce[:], b[7+pipeIDSize:])
	if w.status > statusUnknown {
		return w, fmt.Errorf("welcome: unknown status %d", w.status)
	}
	return w, nil
}

// proof shows that a client knows the secret of the pipe it wants to go on with.
func proof(secret []byte, h hello, w welcome) []byte {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte("kubetunnel resume"))
	mac.Write(h.append(nil))
	mac.Write(w.append(nil))
	return mac.Sum(nil)
}

// confirmed is the server's word that a client is taken: the first byte inside
// TLS, and the first one after a proof.
const confirmed = 'K'

// appendResumed is the server's last word of a resumption: how many of the
// pipe's bytes it has. It comes after the proof, when the former transport can
// bring no more.
func appendResumed(b []byte, received uint64) []byte {
	return binary.BigEndian.AppendUint64(append(b, confirmed), received)
}

func readResumed(r io.Reader) (received uint64, err error) {
	var b [resumedSize]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return 0, fmt.Errorf("resume: %w", err)
	}
	if b[0] != confirmed {
		return 0, errNotTunnel
	}
	return binary.BigEndian.Uint64(b[1:]), nil
}
