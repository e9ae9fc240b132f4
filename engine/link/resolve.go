package link

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math"

	"github.com/kubetunnel/kubetunnel/engine/tunnel"
)

// Resolve passes a DNS message to the pod's resolver, by a stream of its own: it costs
// no round trip more than the question itself.
func (l *Link) Resolve(ctx context.Context, message []byte) ([]byte, error) {
	if len(message) > math.MaxUint16 {
		return nil, fmt.Errorf("a DNS message of %d bytes", len(message))
	}
	s, err := l.open(ctx, tunnel.Header{Kind: tunnel.KindDNS})
	if err != nil {
		return nil, err
	}
	defer func() { _ = s.Reset() }()
	stop := context.AfterFunc(ctx, func() { _ = s.Reset() })
	defer stop()
	question := binary.BigEndian.AppendUint16(nil, uint16(len(message))) //nolint:gosec // checked above
	if _, err := s.Write(append(question, message...)); err != nil {
		return nil, fmt.Errorf("ask the pod's resolver: %w", err)
	}
	var length [2]byte
	if _, err := io.ReadFull(s, length[:]); err != nil {
		return nil, fmt.Errorf("the pod's resolver: %w", err)
	}
	answer := make([]byte, binary.BigEndian.Uint16(length[:]))
	if _, err := io.ReadFull(s, answer); err != nil {
		return nil, fmt.Errorf("the pod's resolver: %w", err)
	}
	return answer, nil
}
