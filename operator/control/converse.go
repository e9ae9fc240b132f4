package control

import (
	"context"
	"net"
	"time"
)

// Times of the channel. Heartbeats are for a peer's node that vanished without a
// word; a process that dies is noticed by its closed connection.
const (
	heartbeatEvery   = 500 * time.Millisecond
	silenceLimit     = 2 * time.Second
	handshakeTimeout = 5 * time.Second
	writeTimeout     = 5 * time.Second
)

// source is where the next outgoing frame comes from.
type source struct {
	// next gives what is to be said now; again is false when it has been said already.
	next func() (f frame, fresh bool)
	// changed is asked before next.
	changed func() <-chan struct{}
}

// send writes what src has until ctx ends or the connection fails: at each change,
// and at each heartbeat either news or an empty frame.
func send(ctx context.Context, conn net.Conn, src source) error {
	ticker := time.NewTicker(heartbeatEvery)
	defer ticker.Stop()
	beat := false
	for {
		changed := src.changed()
		f, fresh := src.next()
		if fresh || beat {
			if err := conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
				return err
			}
			if err := writeFrame(conn, f); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
			beat = false
		case <-ticker.C:
			beat = true
		}
	}
}

// receive hands each frame to take until that refuses one, or the connection fails or goes silent.
func receive(conn net.Conn, take func(frame) error) error {
	for {
		if err := conn.SetReadDeadline(time.Now().Add(silenceLimit)); err != nil {
			return err
		}
		f, err := readFrame(conn)
		if err != nil {
			return err
		}
		if err := take(f); err != nil {
			return err
		}
	}
}

// converse sends and receives on conn until one side fails or ctx ends, then
// closes it and returns when the sending goroutine has ended.
func converse(ctx context.Context, conn net.Conn, src source, take func(frame) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// A closed connection is what ends both loops.
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	sent := make(chan error, 1)
	go func() {
		defer cancel()
		sent <- send(ctx, conn, src)
	}()
	err := receive(conn, take)
	cancel()
	_ = conn.Close()
	<-sent
	return err
}
