package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// talk says who calls, counts what comes until the caller's end, or keeps in mind how
// it has ended, for who asks later by the token.
func talk(conn net.Conn) {
	r := bufio.NewReader(conn)
	line, err := r.ReadString('\n')
	if err != nil {
		return
	}
	command, argument, _ := strings.Cut(strings.TrimSpace(line), " ")
	switch command {
	case "who":
		fmt.Fprintln(conn, hostOf(conn.RemoteAddr()))
	case "port":
		_, port, _ := net.SplitHostPort(conn.RemoteAddr().String())
		fmt.Fprintln(conn, port)
	case "count":
		n, err := io.Copy(io.Discard, r)
		fmt.Fprintf(conn, "%d bytes, %v\n", n, err)
	case "watch", "half":
		tcp, ok := conn.(*net.TCPConn)
		if !ok {
			return
		}
		fmt.Fprintln(conn, "begin")
		if command == "half" {
			_ = tcp.CloseWrite()
		}
		n, err := io.Copy(io.Discard, r)
		ending := "EOF"
		if err != nil {
			ending = nameOf(err)
		}
		endings.of(argument) <- fmt.Sprintf("%d bytes, then %s", n, ending)
	case "ended":
		select {
		case ending := <-endings.of(argument):
			fmt.Fprintln(conn, ending)
		case <-time.After(patience):
			fmt.Fprintln(conn, "not yet")
		}
	}
}

// endings are how watched connections have ended, by token.
var endings = tokens{chans: map[string]chan string{}}

type tokens struct {
	mu    sync.Mutex
	chans map[string]chan string
}

func (t *tokens) of(token string) chan string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.chans[token] == nil {
		t.chans[token] = make(chan string, 1)
	}
	return t.chans[token]
}

// afterLine waits for the caller's line: what is done before it is connected is a race.
func afterLine(handle func(net.Conn)) func(net.Conn) {
	return func(conn net.Conn) {
		if _, err := bufio.NewReader(conn).ReadString('\n'); err == nil {
			handle(conn)
		}
	}
}

// reset breaks the connection off.
func reset(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
}

// bulkSize is what a caller of bulk gets.
const bulkSize = 8 << 20

func bulk(conn net.Conn) {
	block := make([]byte, 1<<16)
	for i := range block {
		block[i] = byte(i * 7)
	}
	for sent := 0; sent < bulkSize; sent += len(block) {
		if _, err := conn.Write(block); err != nil {
			return
		}
	}
}

// echo answers each message with itself, or with whose it is.
func echo(conn net.PacketConn) {
	buf := make([]byte, 1<<16)
	for {
		n, from, err := conn.ReadFrom(buf)
		if err != nil {
			return
		}
		answer := buf[:n]
		if string(answer) == "who\n" {
			answer = []byte(hostOf(from))
		}
		_, _ = conn.WriteTo(answer, from)
	}
}

// listenFull listens with a queue that is full: who calls gets no answer at all.
func listenFull(address string) error {
	port, err := strconv.Atoi(strings.TrimPrefix(address, ":"))
	if err != nil {
		return err
	}
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Port: port}); err != nil {
		return err
	}
	if err := syscall.Listen(fd, 0); err != nil {
		return err
	}
	// One connection fits into a queue of length 0.
	filler, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	return syscall.Connect(filler, &syscall.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}})
}
