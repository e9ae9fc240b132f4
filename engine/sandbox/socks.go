package sandbox

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// SOCKS5 (RFC 1928), CONNECT without authentication.
const (
	socksVersion     = 5
	socksNoAuth      = 0
	socksNoMethod    = 0xff
	socksConnect     = 1
	socksIPv4        = 1
	socksDomain      = 3
	socksIPv6        = 4
	socksHandshakeIn = 30 * time.Second
)

// socksReply is the answer to a request (section 6).
type socksReply byte

const (
	socksSucceeded          socksReply = 0
	socksFailure            socksReply = 1
	socksNetworkUnreachable socksReply = 3
	socksHostUnreachable    socksReply = 4
	socksRefused            socksReply = 5
	socksTTLExpired         socksReply = 6
	socksBadCommand         socksReply = 7
	socksBadAddress         socksReply = 8
)

var errSocksProtocol = errors.New("not SOCKS5")

// serveSocks answers a request only after the far side was dialled, with the true outcome.
func (o *outbound) serveSocks(conn net.Conn) {
	_ = conn.SetDeadline(time.Now().Add(socksHandshakeIn))
	address, reply, err := readSocksRequest(conn)
	if err != nil {
		o.log.Debug("SOCKS5 handshake", "error", err)
		return
	}
	if reply != socksSucceeded {
		_ = writeSocksReply(conn, reply, nil)
		return
	}
	// The dial may take its time: the client's patience decides.
	_ = conn.SetDeadline(time.Time{})
	far, err := o.dialOut(o.ctx, "all", address)
	if err != nil {
		o.log.Debug("SOCKS5 connect", "address", address, "error", err)
		_ = writeSocksReply(conn, socksReplyFor(err), nil)
		return
	}
	if err := writeSocksReply(conn, socksSucceeded, far.LocalAddr()); err != nil {
		_ = far.Close()
		return
	}
	o.relay(conn, far)
}

// readSocksRequest reads greeting and request; a reply other than succeeded is to be sent.
func readSocksRequest(conn io.ReadWriter) (address string, reply socksReply, err error) {
	var head [4]byte
	if _, err := io.ReadFull(conn, head[:2]); err != nil {
		return "", 0, err
	}
	if head[0] != socksVersion {
		return "", 0, errSocksProtocol
	}
	methods := make([]byte, head[1])
	if _, err := io.ReadFull(conn, methods); err != nil {
		return "", 0, err
	}
	method := byte(socksNoMethod)
	for _, m := range methods {
		if m == socksNoAuth {
			method = socksNoAuth
		}
	}
	if _, err := conn.Write([]byte{socksVersion, method}); err != nil {
		return "", 0, err
	}
	if method == socksNoMethod {
		return "", 0, errSocksProtocol
	}
	if _, err := io.ReadFull(conn, head[:]); err != nil {
		return "", 0, err
	}
	if head[0] != socksVersion {
		return "", 0, errSocksProtocol
	}
	host, reply, err := readSocksHost(conn, head[3])
	if err != nil || reply != socksSucceeded {
		return "", reply, err
	}
	var port [2]byte
	if _, err := io.ReadFull(conn, port[:]); err != nil {
		return "", 0, err
	}
	if head[1] != socksConnect {
		return "", socksBadCommand, nil
	}
	if net.ParseIP(host) == nil && strings.ContainsAny(host, "[]:") {
		return "", socksHostUnreachable, nil // no name, and no part of an address either
	}
	return net.JoinHostPort(host, strconv.Itoa(int(binary.BigEndian.Uint16(port[:])))), socksSucceeded, nil
}

func readSocksHost(r io.Reader, kind byte) (string, socksReply, error) {
	var size int
	switch kind {
	case socksIPv4:
		size = 4
	case socksIPv6:
		size = 16
	case socksDomain:
		var length [1]byte
		if _, err := io.ReadFull(r, length[:]); err != nil {
			return "", 0, err
		}
		size = int(length[0])
	default:
		return "", socksBadAddress, nil
	}
	data := make([]byte, size)
	if _, err := io.ReadFull(r, data); err != nil {
		return "", 0, err
	}
	if kind == socksDomain {
		if size == 0 {
			return "", socksBadAddress, nil
		}
		return string(data), socksSucceeded, nil
	}
	addr, _ := netip.AddrFromSlice(data)
	return addr.Unmap().String(), socksSucceeded, nil
}

func writeSocksReply(w io.Writer, reply socksReply, bound net.Addr) error {
	addr := netip.AddrPortFrom(netip.IPv4Unspecified(), 0)
	if tcp, ok := bound.(*net.TCPAddr); ok {
		addr = tcp.AddrPort()
	}
	kind := byte(socksIPv4)
	ip := addr.Addr().Unmap()
	if ip.Is6() {
		kind = socksIPv6
	}
	message := append([]byte{socksVersion, byte(reply), 0, kind}, ip.AsSlice()...)
	message = binary.BigEndian.AppendUint16(message, addr.Port())
	_, err := w.Write(message)
	return err
}

// socksReplyFor is the true reason in the protocol's words.
func socksReplyFor(err error) socksReply {
	var dns *net.DNSError
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return socksRefused
	case errors.Is(err, syscall.EHOSTUNREACH), errors.As(err, &dns):
		return socksHostUnreachable
	case errors.Is(err, syscall.ENETUNREACH):
		return socksNetworkUnreachable
	case errors.Is(err, syscall.ETIMEDOUT), errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return socksTTLExpired
	default:
		return socksFailure
	}
}
