package main

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"
)

// calledPatience is how long a call from the cluster is waited for.
const calledPatience = 15 * time.Second

// listenVerbs listen, and are called.
var listenVerbs = map[string]func([]string) (string, error){
	"bind":    func(a []string) (string, error) { return bind(a[0]) },
	"self":    func(a []string) (string, error) { return callSelf(a[0], a[1]) },
	"selfudp": func(a []string) (string, error) { return callSelfUDP(a[0], a[1]) },
	"heard":   func(a []string) (string, error) { return heard(a[0]) },
	"called":  func(a []string) (string, error) { return called(a[0], "caller") },
	"called6": func(a []string) (string, error) { return called(a[0], "sixth") },
	"hairpin": func(a []string) (string, error) { return hairpin(a[0], a[1]) },
}

func bind(address string) (string, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return "", err
	}
	return "listening", l.Close()
}

// callSelf listens and calls itself by another address of its own.
func callSelf(listen, host string) (string, error) {
	l, err := net.Listen("tcp", net.JoinHostPort(listen, "0"))
	if err != nil {
		return "", err
	}
	defer func() { _ = l.Close() }()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	conn, err := net.DialTimeout("tcp", net.JoinHostPort(host, port), patience)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()
	taken, err := l.Accept()
	if err != nil {
		return "", err
	}
	defer func() { _ = taken.Close() }()
	return "from " + hostOf(taken.RemoteAddr()) + " to " + hostOf(taken.LocalAddr()), nil
}

func callSelfUDP(listen, host string) (string, error) {
	l, err := net.ListenPacket("udp", net.JoinHostPort(listen, "0"))
	if err != nil {
		return "", err
	}
	defer func() { _ = l.Close() }()
	_ = l.SetDeadline(time.Now().Add(patience))
	_, port, _ := net.SplitHostPort(l.LocalAddr().String())
	conn, err := net.Dial("udp", net.JoinHostPort(host, port))
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.Write([]byte("hello")); err != nil {
		return "", err
	}
	_, from, err := l.ReadFrom(make([]byte, 10))
	if err != nil {
		return "", err
	}
	return "from " + hostOf(from), nil
}

func hostOf(a net.Addr) string {
	host, _, err := net.SplitHostPort(a.String())
	if err != nil {
		return a.String()
	}
	return host
}

// called listens until somebody who says who he is calls, and tells from where that was.
func called(address, who string) (string, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return "", err
	}
	defer func() { _ = l.Close() }()
	return takeCall(l, who)
}

// heard listens for a message from the cluster.
func heard(address string) (string, error) {
	conn, err := net.ListenPacket("udp", address)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(patience))
	n, from, err := conn.ReadFrom(make([]byte, 100))
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d bytes from %s", n, hostOf(from)), nil
}

func takeCall(l net.Listener, who string) (string, error) {
	tcp, ok := l.(*net.TCPListener)
	if !ok {
		return "", errors.New("no TCP listener")
	}
	_ = tcp.SetDeadline(time.Now().Add(calledPatience))
	for {
		conn, err := l.Accept()
		if err != nil {
			if nameOf(err) == "timeout" {
				return "nobody has called", nil
			}
			return "", err
		}
		_ = conn.SetDeadline(time.Now().Add(patience))
		line, err := bufio.NewReader(conn).ReadString('\n')
		if err == nil {
			_, err = fmt.Fprintln(conn, "seen")
		}
		_ = conn.Close()
		if err == nil && strings.TrimSpace(line) == who {
			return "from " + hostOf(conn.RemoteAddr()) + " to " + hostOf(conn.LocalAddr()), nil
		}
	}
}

// hairpin calls a Service of which this process is the pod, until it has been called
// by itself.
func hairpin(listen, service string) (string, error) {
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return "", err
	}
	defer func() { _ = l.Close() }()
	over, ended := make(chan struct{}), make(chan struct{})
	go func() { // ends with the call that was taken
		defer close(ended)
		for {
			if conn, err := net.DialTimeout("tcp", service, time.Second); err == nil {
				_ = conn.SetDeadline(time.Now().Add(time.Second))
				_, _ = fmt.Fprintln(conn, "myself")
				_, _ = conn.Read(make([]byte, 10))
				_ = conn.Close()
			}
			select {
			case <-over:
				return
			case <-time.After(50 * time.Millisecond):
			}
		}
	}()
	text, err := takeCall(l, "myself")
	close(over)
	<-ended
	return text, err
}
