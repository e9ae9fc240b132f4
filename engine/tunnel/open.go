package tunnel

import (
	"bufio"
	"context"
	"fmt"
	"time"
)

// headerTimeout bounds the wait for a stream's first chunk while the session is attached.
const headerTimeout = 30 * time.Second

// accept takes the streams that the far side opens, until the session ends.
func (s *Session) accept() {
	for {
		mux, err := s.mux.AcceptStream()
		if err != nil {
			return
		}
		s.group.Go(func() { s.serve(newTyped(mux, s, false)) })
	}
}

func (s *Session) serve(t *typed) {
	if err := s.readHeader(t); err != nil {
		s.cfg.Log.Debug("stream without a header", "error", err)
		_ = t.Close()
		return
	}
	if s.cfg.Handler == nil {
		_ = t.Refuse(RefusedUnsupported, "no streams are taken here")
		return
	}
	s.cfg.Handler(s.ctx, t)
}

func (s *Session) readHeader(t *typed) error {
	if err := t.mux.SetReadDeadline(time.Now().Add(headerTimeout)); err != nil {
		return err
	}
	var err error
	if t.header, err = parseHeader(t.read.r); err != nil {
		return err
	}
	return t.mux.SetReadDeadline(time.Time{})
}

// parseHeader reads a stream's first chunk.
func parseHeader(r *bufio.Reader) (h Header, err error) {
	var part []byte
	if err := readMessage(r, &part, chunkHeader, &h); err != nil {
		return h, err
	}
	if h.Kind == "" {
		return h, fmt.Errorf("stream: header without a kind")
	}
	return h, nil
}

// Open opens a stream. It does not wait for the far side: data may follow at
// once. It waits, as long as ctx, only when very much is under way.
func (s *Session) Open(ctx context.Context, h Header) (Stream, error) {
	if err := s.Err(); err != nil {
		return nil, err
	}
	header, err := message(chunkHeader, h)
	if err != nil {
		return nil, err
	}
	if isClosed(s.pipe.roomy()) && s.mux.NumStreams() < muxBacklog/2 {
		return s.open(h, header)
	}
	return s.openWhenRoomy(ctx, h, header)
}

func (s *Session) open(h Header, header []byte) (Stream, error) {
	mux, err := s.mux.OpenStream()
	if err != nil {
		return nil, s.openError(err)
	}
	t := newTyped(mux, s, true)
	t.header = h
	if _, err := mux.Write(header); err != nil {
		_ = t.Close()
		return nil, s.openError(err)
	}
	return t, nil
}

func (s *Session) openError(err error) error {
	if cause := s.Err(); cause != nil {
		return cause
	}
	return fmt.Errorf("open stream: %w", err)
}

// openWhenRoomy is open for when it may block. yamux knows no way to give up an
// open: that goes on in a goroutine then, ended by the session at the latest,
// and the stream is closed.
func (s *Session) openWhenRoomy(ctx context.Context, h Header, header []byte) (Stream, error) {
	select {
	case <-s.pipe.roomy():
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-s.done:
		return nil, s.Err()
	}
	type opened struct {
		stream Stream
		err    error
	}
	result := make(chan opened)
	s.group.Go(func() {
		stream, err := s.open(h, header)
		select {
		case result <- opened{stream, err}:
		case <-ctx.Done():
			if err == nil {
				_ = stream.Close()
			}
		}
	})
	select {
	case o := <-result:
		return o.stream, o.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
