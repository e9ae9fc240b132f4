package link

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/kubetunnel/kubetunnel/engine/tunnel"
)

// serveStream is the stream on which the agent is told what the session listens on.
type serveStream struct {
	stream     tunnel.Stream
	decoder    *json.Decoder
	generation int64
}

// Serve tells the agent the Service's ports on which the session listens, and
// returns when it has answered that this holds, with its counters. Calls are one at a time.
func (l *Link) Serve(ctx context.Context, ports []int) error {
	l.mu.Lock()
	l.want = ports
	session, v := l.session, l.serve
	l.mu.Unlock()
	if session == nil {
		return errors.New("no tunnel yet")
	}
	if v == nil {
		if len(ports) == 0 {
			return nil
		}
		s, err := session.Open(ctx, tunnel.Header{Kind: tunnel.KindServe})
		if err != nil {
			return err
		}
		v = &serveStream{stream: s, decoder: json.NewDecoder(s)}
	}
	answer, err := v.tell(ctx, ports)
	if err != nil {
		_ = v.stream.Reset()
		v = nil
	} else {
		l.told.origin.Store(answer.Origin)
		l.told.requests.Store(answer.Requests)
		l.told.active.Store(answer.Active)
	}
	l.mu.Lock()
	if l.session == session {
		l.serve = v
	}
	l.mu.Unlock()
	return err
}

func (v *serveStream) tell(ctx context.Context, ports []int) (answer tunnel.ServeState, err error) {
	v.generation++
	state := tunnel.ServeState{Generation: v.generation, Ports: make([]int32, 0, len(ports))}
	for _, p := range ports {
		state.Ports = append(state.Ports, int32(p)) //nolint:gosec // port numbers
	}
	stop := context.AfterFunc(ctx, func() { _ = v.stream.Reset() })
	defer stop()
	line, err := json.Marshal(state)
	if err != nil {
		return answer, err
	}
	if _, err := v.stream.Write(append(line, '\n')); err != nil {
		return answer, fmt.Errorf("tell the agent: %w", err)
	}
	for {
		answer = tunnel.ServeState{}
		if err := v.decoder.Decode(&answer); err != nil {
			if refusal := v.stream.Accepted(ctx); refusal != nil && !errors.Is(err, io.EOF) {
				return answer, refusal
			}
			return answer, fmt.Errorf("the agent's answer: %w", err)
		}
		if answer.Generation >= state.Generation {
			return answer, nil
		}
	}
}
