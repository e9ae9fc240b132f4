package tunnel

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// fragile is a transport that dies after a number of bytes in either direction.
type fragile struct {
	io.ReadWriteCloser
	left *atomic.Int64
	// in and out are random: each is for one direction.
	in, out *rand.Rand
}

func (f fragile) spend(n int) error {
	if f.left.Add(-int64(n)) < 0 {
		_ = f.Close()
		return errors.New("cut")
	}
	return nil
}

func (f fragile) Read(p []byte) (int, error) {
	n, err := f.ReadWriteCloser.Read(p[:1+f.in.IntN(len(p))])
	if cut := f.spend(n); cut != nil && err == nil {
		return f.in.IntN(n + 1), cut // part of it may still get through
	}
	return n, err
}

func (f fragile) Write(p []byte) (int, error) {
	if err := f.spend(len(p)); err != nil {
		n := f.out.IntN(len(p) + 1)
		_, _ = f.ReadWriteCloser.Write(p[:n])
		return n, err
	}
	return f.ReadWriteCloser.Write(p)
}

// breaking dials transports that die at random bytes, the first one after the handshake.
type breaking struct {
	w     *world
	mu    sync.Mutex
	rand  *rand.Rand
	dials atomic.Int64
}

func (d *breaking) dial(ctx context.Context) (io.ReadWriteCloser, error) {
	conn, err := d.w.dialTCP(ctx)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	left := &atomic.Int64{}
	switch {
	case d.dials.Add(1) == 1:
		left.Store(20_000 + d.rand.Int64N(500_000))
	case d.rand.IntN(4) == 0:
		left.Store(d.rand.Int64N(300)) // within the greeting
	default:
		left.Store(300 + d.rand.Int64N(600_000))
	}
	return fragile{conn, left, d.fork(), d.fork()}, nil
}

func (d *breaking) fork() *rand.Rand { return rand.New(rand.NewPCG(d.rand.Uint64(), 1)) }

// seeds are those of a property test: TUNNEL_SEED, or some new ones.
func seeds(t *testing.T, n int) (all []uint64) {
	t.Helper()
	if s := os.Getenv("TUNNEL_SEED"); s != "" {
		seed, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return []uint64{seed}
	}
	for range n {
		all = append(all, uint64(time.Now().UnixNano())^rand.Uint64())
	}
	return all
}

func TestEveryByteArrivesOnceAndInOrderWhateverTransportsDie(t *testing.T) {
	for _, seed := range seeds(t, 4) {
		t.Run(fmt.Sprintf("TUNNEL_SEED=%d", seed), func(t *testing.T) { underCuts(t, seed) })
	}
}

func underCuts(t *testing.T, seed uint64) {
	const streams, most = 32, 300_000
	w := newWorld(t, Config{Handler: echo})
	d := &breaking{w: w, rand: rand.New(rand.NewPCG(seed, 0))}
	near := w.mustConnect(ClientConfig{Config: Config{Handler: echo}, Dial: d.dial})
	far := <-w.sessions
	plan := rand.New(rand.NewPCG(seed, 2))
	var group sync.WaitGroup
	for i := range streams {
		from, size, kind := near, plan.IntN(most), plan.IntN(8)
		if i%2 == 1 {
			from = far
		}
		group.Go(func() {
			err := roundTrip(t.Context(), from, i, size)
			if err == nil && kind == 0 {
				err = cutShort(t.Context(), from, size)
			}
			if err == nil && kind < 4 {
				err = roundTrip(t.Context(), from, i, size/4)
			}
			if err != nil {
				t.Errorf("stream %d of %d bytes: %v", i, size, err)
			}
		})
	}
	group.Wait()
	if d.dials.Load() < 5 {
		t.Errorf("only %d transports were used: nothing was cut", d.dials.Load())
	}
	t.Logf("%d dials, %+v", d.dials.Load(), near.Stats())
}

// cutShort gives a stream up in the midst of its data.
func cutShort(ctx context.Context, s *Session, size int) error {
	st, err := s.Open(ctx, Header{Kind: KindTCP})
	if err != nil {
		return err
	}
	if _, err := st.Write(make([]byte, size)); err != nil {
		return err
	}
	return st.Reset()
}

func TestRivalTransportsOfOnePipeDoNotMixTheirBytes(t *testing.T) {
	p := newPipe(pipeID{1}, Config{}.withDefaults().timing())
	defer p.fail(ErrClosed)
	p.protect([]byte("secret"), p.timing)
	near, far := tcpPair(t)
	defer func() { _ = far.Close() }()
	received, claim := p.claim()
	if _, later := p.claim(); later == claim {
		t.Fatal("two claims have one number")
	}
	if err := p.attach(near, received, claim); !errors.Is(err, errReplaced) {
		t.Errorf("an older claim was let in: %v", err)
	}
	_ = near.Close()
}
