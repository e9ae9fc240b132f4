package engine

import (
	"context"
	"fmt"
	"sort"
	"sync"
	"time"

	"github.com/kubetunnel/kubetunnel/protocol"
)

// serving tells the agent on which ports the session listens: what the sandbox
// sees, unless paused. Its loop runs from begin until ctx ends.
type serving struct {
	session *Session

	mu     sync.Mutex
	listen map[int]bool // Service port: somebody of the session listens
	paused bool
	// rested: since the pause began, calls under way have had their moment.
	rested bool
	told   []int
	wake   chan struct{}

	// telling is held while the agent is told, so that answers come in order.
	telling sync.Mutex
}

const (
	serveTimeout = 2 * time.Second
	drainTimeout = 500 * time.Millisecond
	countTimeout = 100 * time.Millisecond
)

func newServing(s *Session) *serving {
	return &serving{session: s, listen: map[int]bool{}, wake: make(chan struct{}, 1)}
}

// run watches the mapped ports and keeps the agent told, until ctx ends.
func (v *serving) run(ctx context.Context) {
	var group sync.WaitGroup
	for _, p := range v.session.survey.Ports() {
		group.Go(func() { v.watch(ctx, p) })
	}
	v.loop(ctx)
	group.Wait()
}

func (v *serving) watch(ctx context.Context, p protocol.PortMapping) {
	warned := false
	for l := range v.session.sandbox.Listening(ctx, p.LocalPort) {
		if l.Foreign != 0 && !l.Ours && !warned {
			warned = true
			v.session.warn(fmt.Sprintf("KT%d: port %d is held by process %d, which is not of this session: the debuggee can't listen there. End it, or set localPort",
				protocol.CodePortInUse, p.LocalPort, l.Foreign))
		}
		v.mu.Lock()
		v.listen[p.ServicePort] = l.Ours
		if l.Ours {
			v.paused, v.rested = false, false // a new debuggee after a restart
		}
		v.mu.Unlock()
		v.poke()
	}
}

func (v *serving) poke() {
	select {
	case v.wake <- struct{}{}:
	default:
	}
}

// loop tells the agent each change; what can't be told now is tried again at the
// next change of the tunnel or of a listener, or after a while.
func (v *serving) loop(ctx context.Context) {
	retry := time.NewTicker(serveTimeout)
	defer retry.Stop()
	for {
		again := false
		select {
		case <-ctx.Done():
			return
		case <-v.wake:
		case <-retry.C:
			again = v.active() // its answer has the counters
		}
		if err := v.tell(ctx, again); err != nil && ctx.Err() == nil {
			v.session.log.Debug("serve", "error", err)
		}
		v.session.judge()
	}
}

// tell brings the agent's set up to date; force also when it seems to be.
func (v *serving) tell(ctx context.Context, force bool) error {
	v.telling.Lock()
	defer v.telling.Unlock()
	want := v.wanted()
	v.mu.Lock()
	same := equalPorts(want, v.told)
	v.mu.Unlock()
	if same && !force {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, serveTimeout)
	defer cancel()
	if err := v.session.link.Serve(ctx, want); err != nil {
		return err
	}
	v.mu.Lock()
	v.told = want
	v.mu.Unlock()
	return nil
}

func (v *serving) wanted() []int {
	v.mu.Lock()
	defer v.mu.Unlock()
	want := []int{}
	for port, on := range v.listen {
		if on && !v.paused {
			want = append(want, port)
		}
	}
	sort.Ints(want)
	return want
}

// active tells whether the agent sends calls to the session.
func (v *serving) active() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.told) > 0
}

// pause sends new calls to the origin, until a debuggee listens anew.
func (v *serving) pause(ctx context.Context) {
	v.mu.Lock()
	v.paused = true
	v.mu.Unlock()
	if err := v.tell(context.WithoutCancel(ctx), false); err != nil {
		v.session.log.Debug("pause", "error", err)
	}
}

// end stops serving for good: the origin takes new calls, those under way get a moment.
func (v *serving) end(ctx context.Context) {
	s := v.session
	began := time.Now()
	s.stageBegan(protocol.StageDrain)
	defer s.stageEnded(protocol.StageDrain)
	v.pause(ctx)
	s.change(func(i *protocol.SessionInfo) { s.receipt(i).StopMillis = time.Since(began).Milliseconds() })
	defer v.count(ctx)
	v.rest(ctx)
	if active := s.link.Traffic().Active; active > 0 {
		s.change(func(i *protocol.SessionInfo) { s.receipt(i).Cut = active })
	}
}

// rest gives the calls under way a moment to end, once for each pause: the debuggee is
// about to be ended, whether for good or to be started again.
func (v *serving) rest(ctx context.Context) {
	v.mu.Lock()
	rested := v.rested
	v.rested = true
	v.mu.Unlock()
	if rested {
		return
	}
	deadline := time.NewTimer(drainTimeout)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for v.session.link.Traffic().Active > 0 {
		select {
		case <-ctx.Done():
			return
		case <-deadline.C:
			return
		case <-tick.C:
		}
	}
}

// count asks for the agent's counters once more, for the receipt.
func (v *serving) count(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, countTimeout)
	defer cancel()
	if err := v.tell(ctx, true); err != nil {
		v.session.log.Debug("counters", "error", err)
	}
}

func equalPorts(a, b []int) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}
