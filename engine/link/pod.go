package link

import (
	"context"
	"io"

	"github.com/kubetunnel/kubetunnel/engine"
	"github.com/kubetunnel/kubetunnel/engine/tunnel"
)

// Pod fetches what the twin tells of the app's container.
func (l *Link) Pod(ctx context.Context, dir string) (*engine.Pod, error) {
	e, err := l.environment(ctx)
	if err != nil {
		return nil, err
	}
	l.domain.Store(parseResolv(e.ResolvConf))
	return &engine.Pod{Env: e.Env, Hostname: e.Hostname, Addresses: e.PodIPs, ResolvConf: e.ResolvConf}, nil
}

// Resolve TEMP
func (l *Link) Resolve(ctx context.Context, message []byte) ([]byte, error) {
	s, err := l.open(ctx, tunnel.Header{Kind: tunnel.KindDNS})
	if err != nil {
		return nil, err
	}
	defer func() { _ = s.Reset() }()
	stop := context.AfterFunc(ctx, func() { _ = s.Reset() })
	defer stop()
	if _, err := s.Write(append([]byte{byte(len(message) >> 8), byte(len(message))}, message...)); err != nil {
		return nil, err
	}
	var n [2]byte
	if _, err := io.ReadFull(s, n[:]); err != nil {
		return nil, err
	}
	b := make([]byte, int(n[0])<<8|int(n[1]))
	_, err = io.ReadFull(s, b)
	return b, err
}
