package control

import (
	"bytes"
	"context"
	"errors"
	"net"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/kubetunnel/kubetunnel/engine/tunnel"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeAgent carries everything out at once.
type fakeAgent struct {
	Signal
	mu       sync.Mutex
	observed Observed
	applied  []Desired
}

func (a *fakeAgent) Apply(d Desired) {
	a.change(func(o *Observed) { o.Generation = d.Generation; a.applied = append(a.applied, d) })
}

func (a *fakeAgent) Observe() Observed {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.observed
}

func (a *fakeAgent) change(f func(*Observed)) {
	a.mu.Lock()
	f(&a.observed)
	a.mu.Unlock()
	a.Notify()
}

func (a *fakeAgent) last() Desired {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.applied) == 0 {
		return Desired{}
	}
	return a.applied[len(a.applied)-1]
}

func (a *fakeAgent) words() []Desired {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.applied)
}

func newKey(t *testing.T) tunnel.PrivateKey {
	t.Helper()
	key, err := tunnel.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// serve starts an agent on a loopback port; the returned stop waits for Serve's end.
func serve(t *testing.T, address string, key tunnel.PrivateKey, operator tunnel.PublicKey, agent Agent) (addr string, stop func()) {
	t.Helper()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- Serve(ctx, listener, key, operator, agent) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				t.Errorf("Serve: %v", err)
			}
		})
	}
	t.Cleanup(stop)
	return listener.Addr().String(), stop
}

// watcher turns Changed calls into something to wait for.
type watcher struct{ ch chan struct{} }

func (w *watcher) notify() {
	select {
	case w.ch <- struct{}{}:
	default:
	}
}

func open(t *testing.T, addr string, key tunnel.PrivateKey, peer tunnel.PublicKey, term ...int64) (*Link, *watcher) {
	t.Helper()
	w := &watcher{ch: make(chan struct{}, 1)}
	link := Dial(Options{Address: addr, Key: key, Peer: peer, Term: append(term, 0)[0], Changed: w.notify})
	t.Cleanup(link.Close)
	return link, w
}

func (w *watcher) until(t *testing.T, link *Link, what string, met func(State) bool) State {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		if s := link.State(); met(s) {
			return s
		}
		select {
		case <-w.ch:
		case <-deadline:
			t.Fatalf("never: %s; state %+v", what, link.State())
		}
	}
}

func TestDesiredReachesTheAgentAndItsAnswerComesBack(t *testing.T) {
	agentKey, operatorKey := newKey(t), newKey(t)
	agent := &fakeAgent{}
	addr, _ := serve(t, "127.0.0.1:0", agentKey, operatorKey.Public(), agent)
	link, w := open(t, addr, operatorKey, agentKey.Public())

	want := Desired{Ports: []Port{{ServicePort: 80, TargetPort: 8080, Protocol: "TCP", Origin: "10.0.0.1:80"}}}
	link.Set(want)
	w.until(t, link, "the agent has carried it out", func(s State) bool { return s.Current })
	if got := agent.last(); !reflect.DeepEqual(got.Ports, want.Ports) {
		t.Fatalf("agent has %+v", got)
	}

	agent.change(func(o *Observed) { o.Listening = []int32{8080} })
	s := w.until(t, link, "a change of the agent arrives", func(s State) bool { return len(s.Observed.Listening) == 1 })
	if !s.Connected || !s.Current || !s.LostAt.IsZero() {
		t.Fatalf("state %+v", s)
	}
}

func TestTheSameDesiredAgainIsNoNewGeneration(t *testing.T) {
	link := Dial(Options{Address: "127.0.0.1:1", Key: newKey(t), Peer: newKey(t).Public()})
	defer link.Close()
	link.Set(Desired{Draining: true})
	first := link.Desired().Generation
	link.Set(Desired{Draining: true})
	if got := link.Desired().Generation; got != first {
		t.Fatalf("generation %d after %d", got, first)
	}
	link.Set(Desired{})
	if got := link.Desired().Generation; got != first+1 {
		t.Fatalf("generation %d after %d", got, first)
	}
}

func TestARestartedAgentIsToldTheDesiredAgain(t *testing.T) {
	agentKey, operatorKey := newKey(t), newKey(t)
	addr, stop := serve(t, "127.0.0.1:0", agentKey, operatorKey.Public(), &fakeAgent{})
	link, w := open(t, addr, operatorKey, agentKey.Public())
	link.Set(Desired{Draining: true})
	w.until(t, link, "first agent", func(s State) bool { return s.Current })
	stop()
	w.until(t, link, "the loss is noticed", func(s State) bool { return !s.Connected && s.Refused && !s.LostAt.IsZero() })

	second := &fakeAgent{}
	serve(t, addr, agentKey, operatorKey.Public(), second)
	w.until(t, link, "second agent", func(s State) bool { return s.Current })
	if !second.last().Draining {
		t.Fatal("the restarted agent was not told")
	}
}

func TestTheAgentHoldsOnToDesiredAndTheNewestOperatorWins(t *testing.T) {
	agentKey, operatorKey := newKey(t), newKey(t)
	agent := &fakeAgent{}
	addr, _ := serve(t, "127.0.0.1:0", agentKey, operatorKey.Public(), agent)
	first, w1 := open(t, addr, operatorKey, agentKey.Public())
	first.Set(Desired{Draining: true})
	w1.until(t, first, "first operator", func(s State) bool { return s.Current })

	second, w2 := open(t, addr, operatorKey, agentKey.Public())
	w2.until(t, second, "second operator", func(s State) bool { return s.Connected })
	w1.until(t, first, "the first is cut", func(s State) bool { return !s.Connected || s.Err != nil })
	first.Close()
	if !agent.last().Draining {
		t.Fatal("the agent forgot what it was told")
	}
	second.Set(Desired{DrainMillis: 7})
	w2.until(t, second, "second operator's word", func(s State) bool { return s.Current })
	if got := agent.last(); got.DrainMillis != 7 || got.Draining {
		t.Fatalf("agent has %+v", got)
	}
}

// A former leader that slept through the loss of its lease may still reach the agent once.
func TestTheWordOfAFormerTermIsNotTaken(t *testing.T) {
	agentKey, operatorKey := newKey(t), newKey(t)
	agent := &fakeAgent{}
	addr, _ := serve(t, "127.0.0.1:0", agentKey, operatorKey.Public(), agent)
	leader, w := open(t, addr, operatorKey, agentKey.Public(), 6)
	leader.Set(Desired{DrainMillis: 6})
	w.until(t, leader, "the leader's word", func(s State) bool { return s.Current })

	// It dials once: whether it leads is asked before each attempt.
	var dials atomic.Int32
	refused := &watcher{ch: make(chan struct{}, 1)}
	former := Dial(Options{Address: addr, Key: operatorKey, Peer: agentKey.Public(), Term: 5, Changed: refused.notify, Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		if dials.Add(1) > 1 {
			refused.notify()
			return nil, errors.New("not the leader")
		}
		return new(net.Dialer).DialContext(ctx, network, address)
	}})
	defer former.Close()
	former.Set(Desired{DrainMillis: 5})
	refused.until(t, former, "the former leader is refused", func(State) bool { return dials.Load() > 1 })
	w.until(t, leader, "the leader is back", func(s State) bool { return s.Connected })
	leader.Set(Desired{DrainMillis: 7})
	w.until(t, leader, "the leader's next word", func(s State) bool { return s.Current })
	for _, d := range agent.words() {
		if d.Term != 6 {
			t.Errorf("the agent has taken %+v", d)
		}
	}
}

// Terms are counted anew when somebody has deleted the Lease.
func TestALowerTermIsTakenWhenNobodyIsThere(t *testing.T) {
	agentKey, operatorKey := newKey(t), newKey(t)
	agent := &fakeAgent{}
	addr, _ := serve(t, "127.0.0.1:0", agentKey, operatorKey.Public(), agent)
	old, w := open(t, addr, operatorKey, agentKey.Public(), 6)
	old.Set(Desired{DrainMillis: 6})
	w.until(t, old, "the old leader's word", func(s State) bool { return s.Current })
	old.Close()
	next, w := open(t, addr, operatorKey, agentKey.Public(), 1)
	next.Set(Desired{DrainMillis: 1})
	w.until(t, next, "the new leader's word", func(s State) bool { return s.Current })
}

func TestStrangersAreRefused(t *testing.T) {
	agentKey, operatorKey := newKey(t), newKey(t)
	cases := map[string]struct {
		key  tunnel.PrivateKey
		peer tunnel.PublicKey
	}{
		"another operator": {newKey(t), agentKey.Public()},
		"another agent":    {operatorKey, newKey(t).Public()},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			agent := &fakeAgent{}
			addr, _ := serve(t, "127.0.0.1:0", agentKey, operatorKey.Public(), agent)
			link, w := open(t, addr, c.key, c.peer)
			link.Set(Desired{Draining: true})
			s := w.until(t, link, "an attempt has failed", func(s State) bool { return s.Err != nil })
			if s.Connected || s.Observed != nil || agent.last().Draining {
				t.Fatalf("let in: %+v", s)
			}
		})
	}
}

func TestSilentCrowdDoesNotKeepTheOperatorOut(t *testing.T) {
	agentKey, operatorKey := newKey(t), newKey(t)
	addr, _ := serve(t, "127.0.0.1:0", agentKey, operatorKey.Public(), &fakeAgent{})
	for range 4 * maxHandshakes {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
	}
	link, w := open(t, addr, operatorKey, agentKey.Public())
	link.Set(Desired{Draining: true})
	w.until(t, link, "the operator is let in", func(s State) bool { return s.Current })
}

func TestCloseMayBeCalledTwice(t *testing.T) {
	link := Dial(Options{Address: "127.0.0.1:1", Key: newKey(t), Peer: newKey(t).Public()})
	link.Close()
	link.Close()
}

func TestFramesLargerThanAllowedAreRefused(t *testing.T) {
	if _, err := readFrame(bytes.NewReader([]byte{0xff, 0xff, 0xff, 0xff})); !errors.Is(err, ErrFrameTooLarge) {
		t.Fatalf("read: %v", err)
	}
	big := Observed{Failures: []PortFailure{{Error: string(make([]byte, MaxFrame))}}}
	if err := writeFrame(&bytes.Buffer{}, frame{Observed: &big}); !errors.Is(err, ErrFrameTooLarge) {
		t.Fatalf("write: %v", err)
	}
}

func TestUnknownMembersAreIgnored(t *testing.T) {
	body := `{"desired":{"generation":3,"later":{}},"more":1}`
	f, err := readFrame(bytes.NewReader(append([]byte{0, 0, 0, byte(len(body))}, body...)))
	if err != nil || f.Desired == nil || f.Desired.Generation != 3 {
		t.Fatalf("%+v, %v", f, err)
	}
}

func FuzzReadFrame(f *testing.F) {
	var seed bytes.Buffer
	if err := writeFrame(&seed, frame{Desired: &Desired{Ports: []Port{{Name: "http"}}}}); err != nil {
		f.Fatal(err)
	}
	f.Add(seed.Bytes())
	f.Add([]byte{0, 0, 0, 2, '{', '}'})
	f.Add([]byte{0, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := readFrame(bytes.NewReader(data))
		if err != nil {
			return
		}
		var again bytes.Buffer
		if err := writeFrame(&again, got); errors.Is(err, ErrFrameTooLarge) {
			// JSON may grow when written canonically.
			return
		} else if err != nil {
			t.Fatalf("what was read can't be written: %v", err)
		}
		back, err := readFrame(&again)
		if err != nil {
			t.Fatalf("what was written can't be read: %v", err)
		}
		if !reflect.DeepEqual(got, back) {
			t.Fatalf("%+v became %+v", got, back)
		}
	})
}
