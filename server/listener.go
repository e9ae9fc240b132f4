package server

import (
	"context"
	"fmt"
	"sync"

	"github.com/kubetunnel/kubetunnel/protocol"
	"github.com/kubetunnel/kubetunnel/protocol/gen"
)

// SessionChanged tells the editor, and whoever waits for the progress of the start.
func (s *server) SessionChanged(info protocol.SessionInfo) {
	// It fails only when the editor has gone, which Serve sees for itself.
	_ = s.editor.SessionDidChange(context.Background(), &info)
	s.progress.changed(info)
}

// SessionOutput tells the editor. Output that it can't keep up with is left out,
// and that is told in its place.
func (s *server) SessionOutput(id, category, text string) {
	s.outputs.mu.Lock()
	defer s.outputs.mu.Unlock()
	stream := [2]string{id, category}
	params := &protocol.SessionOutputParams{ID: id, Category: category, Output: text}
	if n := s.outputs.leftOut[stream]; n > 0 {
		params.Output = fmt.Sprintf("\n[kubetunnel: %d bytes of output were left out: the editor did not keep up]\n%s", n, text)
	}
	if s.conn.NotifyOptional(gen.MethodSessionOutput, params) == nil {
		delete(s.outputs.leftOut, stream)
		return
	}
	if s.outputs.leftOut == nil {
		s.outputs.leftOut = map[[2]string]int{}
	}
	s.outputs.leftOut[stream] += len(text)
}

// outputs counts what was left out, by session and category. Its lock keeps the
// order of what a session writes; sending under it does not block.
type outputs struct {
	mu      sync.Mutex
	leftOut map[[2]string]int
}
