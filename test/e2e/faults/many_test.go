package faults

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/kubetunnel/kubetunnel/protocol"
)

// Many sessions at once.
func manyRows() []*row {
	return []*row{
		{name: "second session on the same Service", play: secondSession},
		{name: "sessions on different Services", services: names(of(2, 20)), play: differentServices, last: of(0, 10*time.Minute)},
	}
}

func names(n int) (out []string) {
	for i := range n {
		out = append(out, fmt.Sprint("app", i))
	}
	return out
}

// secondSession is refused by number, again and again, and the first one notices nothing.
func secondSession(s *stage) {
	s.live("first", app)
	s.mark(noExcuse)
	second := s.open("HOME=" + s.t.TempDir())
	for i := range of(2, 20) {
		err := s.begin(second, fmt.Sprint("second-", i), app)
		var known *protocol.Error
		if !errors.As(err, &known) || known.Code != protocol.CodeAlreadyIntercepted {
			s.t.Errorf("a second session: %v", err)
		}
	}
	s.waitServed(app, false)
	s.stop("first")
}

// differentServices starts and ends sessions on several Services at the same time.
func differentServices(s *stage) {
	s.mark(noExcuse)
	var group sync.WaitGroup
	failed := make(chan error, len(s.row.services))
	for _, name := range s.row.services {
		group.Go(func() {
			if err := s.begin(s.editor, name, name); err != nil {
				failed <- fmt.Errorf("%s: %w", name, err)
				return
			}
			_, err := s.editor.WaitState(s.ctx, name, protocol.StateLive)
			failed <- err
		})
	}
	group.Wait()
	for range s.row.services {
		s.must(<-failed)
	}
	s.seen(s.editor)
	for _, name := range s.row.services {
		s.waitServed(name, false)
		group.Go(func() {
			_, err := s.editor.Server.StopSession(s.ctx, &protocol.SessionParams{ID: name})
			failed <- err
		})
	}
	group.Wait()
	for range s.row.services {
		s.must(<-failed)
	}
}
