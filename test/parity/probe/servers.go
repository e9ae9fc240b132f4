package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"syscall"
)

// talk says who calls, or counts what comes until the caller's end.
func talk(conn net.Conn) {
	r := bufio.NewReader(conn)
	line, err := r.ReadString('\n')
	if err != nil {
		return
	}
	switch strings.TrimSpace(line) {
	case "who":
		fmt.Fprintln(conn, hostOf(conn.RemoteAddr()))
	case "count":
		n, err := io.Copy(io.Discard, r)
		fmt.Fprintf(conn, "%d bytes, %v\n", n, err)
	}
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
