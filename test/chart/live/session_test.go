package live

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	apiequality "k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubetunnel/kubetunnel/test/cluster"
)

// session is a `tunnel-server run` of the ordinary user. Its goroutine waits for the
// program's end, and ends with it.
type session struct {
	cmd   *exec.Cmd
	out   output
	ended chan struct{}
}

// output is what a program has written until now.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// runCart lets the shop's cart be served by a program of this machine, and waits until
// the cluster's calls reach it.
func runCart(ctx context.Context, t *testing.T) *session {
	t.Helper()
	port, err := cluster.FreePort(ctx)
	if err != nil {
		t.Fatal(err)
	}
	s := runProgram(t, []string{"--port", strconv.Itoa(port)}, "LISTEN=:"+strconv.Itoa(port), filepath.Join(world.Root, "bin", "image", "cart"))
	s.waitLive(ctx, t)
	return s
}

func runProgram(t *testing.T, flags []string, variable string, program ...string) *session {
	t.Helper()
	args := append([]string{"--kubeconfig", kubeconfig, "run", "--service", shop + "/cart"}, flags...)
	s := &session{cmd: exec.Command(world.Server, append(append(args, "--"), program...)...), ended: make(chan struct{})} //nolint:gosec // our own
	s.cmd.Env = append(os.Environ(), variable)
	s.cmd.Stdout, s.cmd.Stderr = &s.out, &s.out
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = s.cmd.Wait()
		close(s.ended)
	}()
	t.Cleanup(func() {
		s.interrupt()
		select {
		case <-s.ended:
		case <-time.After(time.Minute):
			_ = s.cmd.Process.Kill()
			<-s.ended
		}
		if t.Failed() {
			t.Logf("tunnel-server run said:\n%s", s.out.String())
		}
	})
	return s
}

func (s *session) interrupt() { _ = s.cmd.Process.Signal(os.Interrupt) }

// stop ends the session as Ctrl-C does, and waits for its end.
func (s *session) stop(ctx context.Context, t *testing.T) {
	t.Helper()
	s.interrupt()
	s.waitEnd(ctx, t)
}

func (s *session) waitEnd(ctx context.Context, t *testing.T) {
	t.Helper()
	select {
	case <-s.ended:
	case <-ctx.Done():
		t.Fatalf("tunnel-server does not end: %v\n%s", ctx.Err(), s.out.String())
	}
}

func (s *session) waitLive(ctx context.Context, t *testing.T) {
	t.Helper()
	err := cluster.Wait(ctx, "an answer of the workstation", func() (bool, error) {
		select {
		case <-s.ended:
			return false, fmt.Errorf("tunnel-server has ended: %s", s.out.String())
		default:
		}
		raw, err := world.Call(ctx, shop, "http://cart/cart/ann", true)
		var answer struct{ ServedBy string }
		if err == nil {
			err = json.Unmarshal(raw, &answer)
		}
		return err == nil && cluster.AtWorkstation(answer.ServedBy), err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// count is what the load generator tells of a load.
type count struct {
	Requests, Failed int64
	ServedBy         map[string]int64
	Failures         json.RawMessage
}

// byOrigin counts the answers that the app's own pods have given.
func (c count) byOrigin() (n int64) {
	for name, answers := range c.ServedBy {
		if !cluster.AtWorkstation(name) {
			n += answers
		}
	}
	return n
}

// startLoad lets the load generator call cart, on a kept connection and on new ones, until noneFailed.
func startLoad(ctx context.Context, t *testing.T) {
	t.Helper()
	if _, err := world.Ask(ctx, shop, "POST", "load", url.Values{"url": {"http://cart/healthz"}, "pause": {"5ms"}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// The test may have failed before its end.
		_, _ = world.Ask(context.WithoutCancel(ctx), shop, "DELETE", "load", nil)
	})
}

func askLoad(ctx context.Context, t *testing.T, verb string) map[string]count {
	t.Helper()
	raw, err := world.Ask(ctx, shop, verb, "load", nil)
	if err != nil {
		t.Fatal(err)
	}
	var stats struct{ Kept, Fresh count }
	if err := json.Unmarshal(raw, &stats); err != nil {
		t.Fatalf("%v: %s", err, raw)
	}
	return map[string]count{"kept": stats.Kept, "new": stats.Fresh}
}

// allByWorkstation: until now no call has failed, and none went past the workstation.
func allByWorkstation(ctx context.Context, t *testing.T, after string) {
	t.Helper()
	for kind, c := range askLoad(ctx, t, "GET") {
		if c.Failed > 0 || c.byOrigin() > 0 || c.Requests == 0 {
			t.Fatalf("after %s: of %d calls on %s connections %d failed, %d went to the origin: %s", after, c.Requests, kind, c.Failed, c.byOrigin(), c.Failures)
		}
	}
}

// noneFailed ends the load, which waits for the calls that are under way.
func noneFailed(ctx context.Context, t *testing.T) {
	t.Helper()
	for kind, c := range askLoad(ctx, t, "DELETE") {
		if c.Failed > 0 || c.Requests == 0 {
			t.Errorf("of %d calls on %s connections %d failed: %s", c.Requests, kind, c.Failed, c.Failures)
		}
		t.Logf("%d calls on %s connections, %d failed", c.Requests, kind, c.Failed)
	}
}

// remember gives a check that the Service cart is as it was at the call.
func remember(ctx context.Context, t *testing.T) (restored func() (bool, error)) {
	t.Helper()
	services := world.Kube.CoreV1().Services(shop)
	before, err := services.Get(ctx, "cart", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return func() (bool, error) {
		now, err := services.Get(ctx, "cart", metav1.GetOptions{})
		if err != nil {
			return false, err
		}
		was := before.DeepCopy()
		was.ResourceVersion = now.ResourceVersion
		if apiequality.Semantic.DeepEqual(was, now) {
			return true, nil
		}
		a, _ := json.Marshal(was)
		b, _ := json.Marshal(now)
		return false, fmt.Errorf("the Service was\n%s\nand is\n%s", a, b)
	}
}
