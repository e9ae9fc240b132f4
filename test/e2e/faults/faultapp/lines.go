package main

import (
	"bufio"
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// The protocol of lines: a line is answered by a line that names the server. The last
// answer on a connection that the server is about to close ends in lastWord.
const lastWord = " bye"

// serveLines answers lines until the listener is closed. After ending is closed each
// connection gets one more answer, or is closed when no more lines come.
func serveLines(l net.Listener, ending <-chan struct{}) {
	var group sync.WaitGroup
	defer group.Wait()
	for {
		conn, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			group.Go(func() { answerLines(conn, ending) })
		}
	}
}

func answerLines(conn net.Conn, ending <-chan struct{}) {
	defer func() { _ = conn.Close() }()
	done := make(chan struct{})
	defer close(done)
	var last atomic.Bool
	go func() {
		select {
		case <-done:
		case <-ending:
			last.Store(true)
			_ = conn.SetReadDeadline(time.Now().Add(endTimeout / 2))
		}
	}()
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		text, end := host(), last.Load()
		if end {
			text += lastWord
		}
		if _, err := conn.Write([]byte(text + "\n")); err != nil || end {
			return
		}
	}
}

// lineClient asks over one connection.
type lineClient struct {
	conn net.Conn
	read *bufio.Reader
}

func newLineClient(conn net.Conn) *lineClient {
	return &lineClient{conn: conn, read: bufio.NewReader(conn)}
}

// ask gives who has answered, and whether that was the connection's last answer.
func (c *lineClient) ask() (by string, last bool, err error) {
	if _, err := c.conn.Write([]byte("who\n")); err != nil {
		return "", false, err
	}
	text, err := c.read.ReadString('\n')
	if err != nil {
		return "", false, err
	}
	by, last = strings.CutSuffix(strings.TrimSpace(text), lastWord)
	return by, last, nil
}

// closed tells whether the far side has closed, or broken, a connection at rest: whoever
// keeps connections looks before using one.
func closed(conn net.Conn) bool {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return false
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return true
	}
	over := false
	err = raw.Read(func(fd uintptr) bool {
		n, _, err := syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		over = (n == 0 && err == nil) || (err != nil && !errors.Is(err, syscall.EAGAIN) && !errors.Is(err, syscall.EINTR))
		return true
	})
	return over || err != nil
}

// askLines asks an app for a line, from a port of this pod, and gives the first answer. With
// broken it goes on to ask on that connection, and tells by what it was broken.
func askLines(ctx context.Context, app, from string, broken chan<- error) reply {
	local, err := net.ResolveTCPAddr("tcp", ":"+from)
	if err != nil {
		return failed(err)
	}
	conn, err := (&net.Dialer{LocalAddr: local}).DialContext(ctx, "tcp", net.JoinHostPort(app, "9000"))
	if err != nil {
		return failed(err)
	}
	client := newLineClient(conn)
	by, _, err := client.ask()
	if err != nil || broken == nil {
		_ = conn.Close()
	}
	if err != nil {
		return failed(err)
	}
	if broken != nil {
		go func() {
			defer func() { _ = conn.Close() }()
			for err == nil {
				time.Sleep(time.Millisecond) // one is under way nearly always
				_, _, err = client.ask()
			}
			broken <- err
		}()
	}
	return reply{http.StatusOK, []byte(by)}
}
