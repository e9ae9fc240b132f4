package tunnel

import (
	"context"
	"io"
	"sync"
	"testing"
	"time"
)

// The benchmarks run over real TCP on the loopback, and once more through
// transports that take 2 ms longer each way.

func eachTransport(b *testing.B, run func(b *testing.B, w *world, s *Session)) {
	for name, delay := range map[string]time.Duration{"loopback": 0, "2ms": 2 * time.Millisecond} {
		b.Run(name, func(b *testing.B) {
			w := newWorld(b, Config{Handler: echo})
			s := w.mustConnect(ClientConfig{Dial: func(ctx context.Context) (io.ReadWriteCloser, error) {
				conn, err := w.dialTCP(ctx)
				if err != nil || delay == 0 {
					return conn, err
				}
				return newDelayed(conn, delay), nil
			}})
			b.ReportAllocs()
			run(b, w, s)
		})
	}
}

func mustOpen(b *testing.B, s *Session, h Header) Stream {
	b.Helper()
	st, err := s.Open(b.Context(), h)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = st.Close() })
	return st
}

// BenchmarkRequest is one small request and its answer on a stream that is open.
func BenchmarkRequest(b *testing.B) {
	eachTransport(b, func(b *testing.B, _ *world, s *Session) {
		st := mustOpen(b, s, Header{Kind: KindTCP})
		request, answer := make([]byte, 200), make([]byte, 200)
		for b.Loop() {
			if _, err := st.Write(request); err != nil {
				b.Fatal(err)
			}
			if _, err := io.ReadFull(st, answer); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkRequestParallel is the same on 16 streams at once.
func BenchmarkRequestParallel(b *testing.B) {
	eachTransport(b, func(b *testing.B, _ *world, s *Session) {
		b.SetParallelism(8)
		b.RunParallel(func(pb *testing.PB) {
			st, err := s.Open(b.Context(), Header{Kind: KindTCP})
			if err != nil {
				b.Error(err)
				return
			}
			defer func() { _ = st.Close() }()
			buf := make([]byte, 200)
			for pb.Next() {
				if _, err := st.Write(buf); err != nil {
					b.Error(err)
					return
				}
				if _, err := io.ReadFull(st, buf); err != nil {
					b.Error(err)
					return
				}
			}
		})
	})
}

// BenchmarkNewStream is a new stream with a request and its answer, as for each
// new connection of a caller.
func BenchmarkNewStream(b *testing.B) {
	for _, parallel := range []int{1, 16} {
		b.Run(map[int]string{1: "one", 16: "sixteen"}[parallel], func(b *testing.B) {
			eachTransport(b, func(b *testing.B, _ *world, s *Session) {
				var group sync.WaitGroup
				work := make(chan struct{})
				for range parallel {
					group.Go(func() {
						for range work {
							if err := oneCall(b.Context(), s); err != nil {
								b.Error(err)
							}
						}
					})
				}
				for b.Loop() {
					work <- struct{}{}
				}
				close(work)
				group.Wait()
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "streams/s")
			})
		})
	}
}

func oneCall(ctx context.Context, s *Session) error {
	st, err := s.Open(ctx, Header{Kind: KindTCP, Port: 80, Source: "10.244.0.17:45678"})
	if err != nil {
		return err
	}
	defer func() { _ = st.Close() }()
	buf := make([]byte, 200)
	if _, err := st.Write(buf); err != nil {
		return err
	}
	if _, err := io.ReadFull(st, buf); err != nil {
		return err
	}
	if err := st.CloseWrite(); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, st)
	return err
}

// BenchmarkBulk is one stream at full speed, from the client and to it.
func BenchmarkBulk(b *testing.B) {
	const part = 64 << 10
	b.Run("up", func(b *testing.B) {
		eachTransport(b, func(b *testing.B, w *world, s *Session) { bulk(b, s, <-w.sessions, part) })
	})
	b.Run("down", func(b *testing.B) {
		eachTransport(b, func(b *testing.B, w *world, s *Session) { bulk(b, <-w.sessions, s, part) })
	})
}

// bulk sends from one session to the other, whose handler counts.
func bulk(b *testing.B, from, to *Session, part int) {
	got := make(chan int64, 1)
	to.cfg.Handler = func(_ context.Context, st Stream) {
		defer func() { _ = st.Close() }()
		_ = st.Accept()
		buf := make([]byte, part)
		var total int64
		for {
			n, err := st.Read(buf)
			total += int64(n)
			if err != nil {
				break
			}
		}
		got <- total
	}
	st := mustOpen(b, from, Header{Kind: KindTCP})
	buf := make([]byte, part)
	b.SetBytes(int64(part))
	var want int64
	for b.Loop() {
		if _, err := st.Write(buf); err != nil {
			b.Fatal(err)
		}
		want += int64(part)
	}
	_ = st.CloseWrite()
	if n := <-got; n != want {
		b.Fatalf("%d bytes arrived of %d", n, want)
	}
}
