package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/kubetunnel/kubetunnel/engine/tunnel"
)

// attackTimeout is for what is never answered: longer than the agent's own patience.
const attackTimeout = 15 * time.Second

// attack tries one thing on a connection; got is what a stranger should not have had.
type attack struct {
	name string
	do   func(ctx context.Context, conn net.Conn, agent tunnel.PublicKey) (got []byte, err error)
}

var attacks = []attack{
	{"silence", silence},
	{"garbage", garbage},
	{"TLS without a certificate", withTLS(&tls.Config{InsecureSkipVerify: true})}, //nolint:gosec // it is the attacker
	{"TLS with a key of its own", ownKey(nil)},
	{"a word of the operator's, with a key of its own", ownKey(operatorsWord)},
	{"a tunnel's hello", hello([16]byte{})},
	{"a hello to go on with a pipe", hello([16]byte{1, 2, 3})},
	{"a tunnel with a key of its own", ownTunnel(false)},
	{"an upgrade, then a tunnel with a key of its own", ownTunnel(true)},
	{"an upgrade, then garbage", upgradedGarbage},
	{"a huge frame", hugeFrame},
	{"endless headers", endlessHeaders},
}

// attackAll tries all attacks on a port, side by side.
func attackAll(ctx context.Context, ip string, port int, agent tunnel.PublicKey) []answer {
	answers := make([]answer, len(attacks))
	var group sync.WaitGroup
	for i, a := range attacks {
		group.Go(func() { answers[i] = attackOne(ctx, a, net.JoinHostPort(ip, strconv.Itoa(port)), port, agent) })
	}
	group.Wait()
	return answers
}

func attackOne(ctx context.Context, a attack, address string, port int, agent tunnel.PublicKey) answer {
	out := answer{Port: port, Attack: a.name}
	ctx, cancel := context.WithTimeout(ctx, attackTimeout)
	defer cancel()
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		out.Ended = err.Error()
		return out
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(attackTimeout))
	got, err := a.do(ctx, conn, agent)
	out.Got = string(got[:min(len(got), 1024)])
	if err != nil {
		out.Ended = err.Error()
	}
	return out
}

func silence(_ context.Context, conn net.Conn, _ tunnel.PublicKey) ([]byte, error) {
	return io.ReadAll(conn)
}

func garbage(_ context.Context, conn net.Conn, _ tunnel.PublicKey) ([]byte, error) {
	b := make([]byte, 64<<10)
	_, _ = rand.Read(b)
	_, err := conn.Write(b)
	got, readErr := io.ReadAll(conn)
	return got, errors.Join(err, readErr)
}

// withTLS reads what a server says to who has shown no key, or one that is not known. A
// handshake in TLS 1.3 is over for the client before the server has judged it.
func withTLS(config *tls.Config) func(context.Context, net.Conn, tunnel.PublicKey) ([]byte, error) {
	return func(ctx context.Context, conn net.Conn, _ tunnel.PublicKey) ([]byte, error) {
		secure := tls.Client(conn, config)
		if err := secure.HandshakeContext(ctx); err != nil {
			return nil, err
		}
		return io.ReadAll(secure)
	}
}

func ownKey(say func(io.Writer) error) func(context.Context, net.Conn, tunnel.PublicKey) ([]byte, error) {
	return func(ctx context.Context, conn net.Conn, agent tunnel.PublicKey) ([]byte, error) {
		key, err := tunnel.GenerateKey()
		if err != nil {
			return nil, err
		}
		secure := tls.Client(conn, tunnel.ClientTLS(key, agent))
		if err := secure.HandshakeContext(ctx); err != nil {
			return nil, err
		}
		if say != nil {
			if err := say(secure); err != nil {
				return nil, err
			}
		}
		return io.ReadAll(secure)
	}
}

// operatorsWord would take all calls away from everybody.
func operatorsWord(w io.Writer) error {
	word := []byte(`{"desired":{"generation":9223372036854775807,"ports":[],"clients":[]}}`)
	_, err := w.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(word))), word...))
	return err
}

// hello greets as engine/tunnel/spec.md says. The answer to it is no secret; what comes
// after the answer would be.
func hello(pipe [16]byte) func(context.Context, net.Conn, tunnel.PublicKey) ([]byte, error) {
	return func(_ context.Context, conn net.Conn, _ tunnel.PublicKey) ([]byte, error) {
		greeting := append([]byte("KTP1\x01\x01"), pipe[:]...)
		if _, err := conn.Write(append(greeting, make([]byte, 8)...)); err != nil {
			return nil, err
		}
		got, err := io.ReadAll(conn)
		const welcome = 4 + 2 + 1 + 16 + 32
		if bytes.HasPrefix(got, []byte("KTP1")) {
			return nil, fmt.Errorf("%d bytes with a status of %d, %w", len(got), got[min(len(got)-1, 6)], errors.Join(errWelcome, err))
		}
		return got[:min(len(got), welcome)], err
	}
}

var errWelcome = errors.New("a tunnel's port, which says only that")

func upgrade(conn net.Conn) error {
	_, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: "+tunnel.UpgradeProtocol+"\r\n\r\n")
	if err != nil {
		return err
	}
	var answer []byte
	for !bytes.HasSuffix(answer, []byte("\r\n\r\n")) && len(answer) < 1024 {
		var b [1]byte
		if _, err := io.ReadFull(conn, b[:]); err != nil {
			return err
		}
		answer = append(answer, b[0])
	}
	if !bytes.HasPrefix(answer, []byte("HTTP/1.1 101 ")) {
		return fmt.Errorf("no upgrade: %.40q", answer)
	}
	return nil
}

// ownTunnel dials as an engine does. Any session is more than a stranger should have.
func ownTunnel(upgraded bool) func(context.Context, net.Conn, tunnel.PublicKey) ([]byte, error) {
	return func(ctx context.Context, conn net.Conn, agent tunnel.PublicKey) ([]byte, error) {
		key, err := tunnel.GenerateKey()
		if err != nil {
			return nil, err
		}
		if upgraded {
			if err := upgrade(conn); err != nil {
				return nil, err
			}
		}
		session, err := tunnel.Dial(ctx, tunnel.ClientConfig{Key: key, Peer: agent, Dial: func(context.Context) (io.ReadWriteCloser, error) { return conn, nil }})
		if err != nil {
			return nil, err
		}
		_ = session.Close()
		return []byte("a session"), nil
	}
}

func upgradedGarbage(ctx context.Context, conn net.Conn, agent tunnel.PublicKey) ([]byte, error) {
	if err := upgrade(conn); err != nil {
		return nil, err
	}
	return garbage(ctx, conn, agent)
}

// hugeFrame announces the largest length that each of our formats can.
func hugeFrame(_ context.Context, conn net.Conn, _ tunnel.PublicKey) ([]byte, error) {
	if _, err := conn.Write(bytes.Repeat([]byte{0xff}, 4096)); err != nil {
		return nil, err
	}
	return io.ReadAll(conn)
}

// endlessHeaders sends headers of a request until it is stopped.
func endlessHeaders(_ context.Context, conn net.Conn, _ tunnel.PublicKey) ([]byte, error) {
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n"); err != nil {
		return nil, err
	}
	for i := range 1 << 16 {
		if _, err := fmt.Fprintf(conn, "X-%d: %064d\r\n", i, i); err != nil {
			break // it has had enough
		}
	}
	got, err := io.ReadAll(conn)
	if bytes.HasPrefix(got, []byte("HTTP/1.1 "+strconv.Itoa(http.StatusRequestHeaderFieldsTooLarge))) {
		return nil, errors.New("refused by HTTP's own words")
	}
	return got, err
}
