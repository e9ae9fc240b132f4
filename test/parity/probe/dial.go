package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// dialVerbs call addresses.
var dialVerbs = map[string]func([]string) (string, error){
	"connect":   func(a []string) (string, error) { return connect(a[0]) },
	"whoami":    func(a []string) (string, error) { return exchange("tcp", a[0], "who") },
	"local":     func(a []string) (string, error) { return ends(a[0], net.Conn.LocalAddr) },
	"remote":    func(a []string) (string, error) { return ends(a[0], net.Conn.RemoteAddr) },
	"halfclose": func(a []string) (string, error) { return halfClose(a[0]) },
	"receive":   func(a []string) (string, error) { return receive(a[0]) },
	"answered":  func(a []string) (string, error) { return answeredLate(a[0]) },
	"port":      func(a []string) (string, error) { return sourcePort(a[0]) },
	"aborted":   func(a []string) (string, error) { return seenEnding(a[0], "watch", abort) },
	"closed":    func(a []string) (string, error) { return seenEnding(a[0], "watch", sendAndClose) },
	"afterhalf": func(a []string) (string, error) { return seenEnding(a[0], "half", sendAndClose) },
	"many":      func(a []string) (string, error) { return many(a[0], a[1]) },
	"udp":       func(a []string) (string, error) { return echoUDP(a[0], a[1]) },
	"udpwhoami": func(a []string) (string, error) { return exchange("udp", a[0], "who") },
	"udpfrom":   func(a []string) (string, error) { return udpFrom(a[0]) },
	"udptwice":  func(a []string) (string, error) { return udpTwice(a[0]) },
	"ping":      func(a []string) (string, error) { return ping(a[0]) },
}

func dial(network, address string) (net.Conn, error) {
	conn, err := net.DialTimeout(network, address, patience)
	if err == nil {
		err = conn.SetDeadline(time.Now().Add(3 * patience))
	}
	return conn, err
}

func connect(address string) (string, error) {
	conn, err := dial("tcp", address)
	if err != nil {
		return "", err
	}
	return "connected", conn.Close()
}

// exchange sends a line and gives the answer's.
func exchange(network, address, say string) (string, error) {
	conn, err := dial(network, address)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()
	if network == "udp" {
		_ = conn.SetDeadline(time.Now().Add(patience))
	}
	if _, err := fmt.Fprintln(conn, say); err != nil {
		return "", err
	}
	var buf [1500]byte
	n, err := conn.Read(buf[:])
	return strings.TrimSpace(string(buf[:n])), err
}

func ends(address string, end func(net.Conn) net.Addr) (string, error) {
	conn, err := dial("tcp", address)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()
	host, port, err := net.SplitHostPort(end(conn).String())
	if _, asked, _ := net.SplitHostPort(address); asked == port {
		host += ":" + port
	}
	return host, err
}

// halfClose sends something, ends sending, and hears the rest.
func halfClose(address string) (string, error) {
	conn, err := dial("tcp", address)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()
	if _, err := fmt.Fprintln(conn, "count"); err != nil {
		return "", err
	}
	if _, err := conn.Write(make([]byte, 100_000)); err != nil {
		return "", err
	}
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return "", errors.New("no TCP connection")
	}
	if err := tcp.CloseWrite(); err != nil {
		return "", err
	}
	content, err := io.ReadAll(conn)
	return string(content), err
}

// receive tells what comes until the far side ends, and how it ends.
func receive(address string) (string, error) {
	conn, err := dial("tcp", address)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()
	if _, err := fmt.Fprintln(conn, "go"); err != nil {
		return "", err
	}
	sum := sha256.New()
	n, err := io.Copy(sum, conn)
	end := "EOF"
	if err != nil {
		end = nameOf(err)
	}
	return fmt.Sprintf("%d bytes, sha256 %s, then %s", n, hex.EncodeToString(sum.Sum(nil)[:8]), end), nil
}

// answeredLate writes to a far side that has reset the connection.
func answeredLate(address string) (string, error) {
	conn, err := dial("tcp", address)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()
	if _, err := fmt.Fprintln(conn, "go"); err != nil {
		return "", err
	}
	var b [1]byte
	if _, err := conn.Read(b[:]); err == nil || errors.Is(err, io.EOF) {
		return "not reset", nil
	}
	_, err = conn.Write([]byte("late"))
	return "written", err
}

// echoUDP sends a message of a size and expects it back.
func echoUDP(address, size string) (string, error) {
	n, err := strconv.Atoi(size)
	if err != nil {
		return "", err
	}
	conn, err := net.Dial("udp", address)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := conn.Write(make([]byte, n)); err != nil {
		return "", err
	}
	buf := make([]byte, 1<<16)
	got, err := conn.Read(buf)
	return fmt.Sprintf("%d bytes", got), err
}

// udpFrom tells whose address the answer to a message of an unconnected socket has.
func udpFrom(address string) (string, error) {
	to, err := net.ResolveUDPAddr("udp", address)
	if err != nil {
		return "", err
	}
	conn, err := net.ListenUDP("udp", nil)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := conn.WriteToUDP([]byte("hello\n"), to); err != nil {
		return "", err
	}
	var buf [1500]byte
	_, from, err := conn.ReadFromUDP(buf[:])
	if err != nil {
		return "", err
	}
	return from.String(), nil
}

// udpTwice sends a second message after the first has been refused.
func udpTwice(address string) (string, error) {
	conn, err := net.Dial("udp", address)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()
	var told []string
	for range 2 {
		_ = conn.SetDeadline(time.Now().Add(patience))
		_, err := conn.Write([]byte("hello"))
		if err == nil {
			_, err = conn.Read(make([]byte, 10))
		}
		if err == nil {
			err = errors.New("an answer")
		}
		told = append(told, nameOf(err))
	}
	return strings.Join(told, ", "), nil
}

// ping sends an ICMP echo by an unprivileged socket.
func ping(address string) (string, error) {
	ip := net.ParseIP(address).To4()
	if ip == nil {
		return "", errors.New("no IPv4 address")
	}
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM, syscall.IPPROTO_ICMP)
	if err != nil {
		return "", err
	}
	defer func() { _ = syscall.Close(fd) }()
	wait := syscall.NsecToTimeval(patience.Nanoseconds() / 2)
	if err := syscall.SetsockoptTimeval(fd, syscall.SOL_SOCKET, syscall.SO_RCVTIMEO, &wait); err != nil {
		return "", err
	}
	// Type 8, code 0, checksum, id 0 (the kernel's), sequence 1, no data.
	if err := syscall.Sendto(fd, []byte{8, 0, 0xf7, 0xfe, 0, 0, 0, 1}, 0, &syscall.SockaddrInet4{Addr: [4]byte(ip)}); err != nil {
		return "", err
	}
	if _, _, err := syscall.Recvfrom(fd, make([]byte, 100), 0); err != nil {
		if errors.Is(err, syscall.EAGAIN) {
			return "no answer", nil
		}
		return "", err
	}
	return "answered", nil
}
