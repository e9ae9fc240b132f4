package main

import (
	"bufio"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
)

// sourcePort tells whether the far side sees the port that the connection has here.
func sourcePort(address string) (string, error) {
	conn, err := dial("tcp", address)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()
	if _, err := fmt.Fprintln(conn, "port"); err != nil {
		return "", err
	}
	seen, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		return "", err
	}
	if _, port, _ := net.SplitHostPort(conn.LocalAddr().String()); port+"\n" == seen {
		return "its own", nil
	}
	return "another one", nil
}

// seenEnding ends a connection in a way, and asks the far side how it has seen that.
func seenEnding(address, command string, end func(*bufio.Reader, *net.TCPConn) error) (string, error) {
	token := rand.Text()
	conn, err := dial("tcp", address)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return "", errors.New("no TCP connection")
	}
	if _, err := fmt.Fprintln(conn, command, token); err != nil {
		return "", err
	}
	r := bufio.NewReader(conn)
	if _, err := r.ReadString('\n'); err != nil {
		return "", err
	}
	if err := end(r, tcp); err != nil {
		return "", err
	}
	return exchange("tcp", address, "ended "+token)
}

// abort breaks the connection off.
func abort(_ *bufio.Reader, conn *net.TCPConn) error {
	return errors.Join(conn.SetLinger(0), conn.Close())
}

// sendAndClose sends something, although the far side may have ended sending.
func sendAndClose(_ *bufio.Reader, conn *net.TCPConn) error {
	_, err := conn.Write(make([]byte, 5000))
	return errors.Join(err, conn.Close())
}

// many calls at once, and tells the answers that have come, each once.
func many(address, count string) (string, error) {
	n, err := strconv.Atoi(count)
	if err != nil {
		return "", err
	}
	var mu sync.Mutex
	answers := map[string]int{}
	var calls sync.WaitGroup
	for range n {
		calls.Go(func() {
			answer, err := exchange("tcp", address, "who")
			if err != nil {
				answer = "error: " + nameOf(err)
			}
			mu.Lock()
			defer mu.Unlock()
			answers[answer]++
		})
	}
	calls.Wait()
	var lines []string
	for answer, times := range answers {
		lines = append(lines, fmt.Sprintf("%d times %s", times, answer))
	}
	return sorted(lines), nil
}
