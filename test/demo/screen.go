package main

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/kubetunnel/kubetunnel/test/cluster"
)

// screen prints for a person: what came true, when, and how long it took. Its
// colours are only for terminals, and only where they are wanted.
type screen struct {
	colour bool

	mu          sync.Mutex // a process's output comes from another goroutine
	began, last time.Time
}

func newScreen() *screen {
	info, err := os.Stdout.Stat()
	terminal := err == nil && info.Mode()&os.ModeCharDevice != 0
	now := time.Now()
	return &screen{began: now, last: now, colour: terminal && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"}
}

const (
	bold  = "1"
	faint = "2"
	red   = "31"
	green = "32"
)

func (s *screen) paint(code, text string) string {
	if !s.colour {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (s *screen) print(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Println(text)
}

// title begins a stage.
func (s *screen) title(text string) { s.print("\n" + s.paint(bold, text)) }

// text, block, wrapped and detail explain; detail is what other programs say.
func (s *screen) text(text string) { s.print("           " + text) }
func (s *screen) detail(text string) {
	s.print("           " + s.paint(faint, strings.TrimSpace(text)))
}

func (s *screen) block(text string) {
	for line := range strings.Lines(strings.TrimRight(text, "\n")) {
		s.print("             " + strings.TrimRight(line, "\n"))
	}
}

// wrapped is a longer text, with a mark at its beginning.
func (s *screen) wrapped(text string) {
	const width = 100
	line := "–"
	for word := range strings.FieldsSeq(text) {
		if len(line)+1+len(word) > width {
			s.print("             " + line)
			line = " "
		}
		line += " " + word
	}
	s.print("             " + line)
}

// done tells what came true, when, and how long that took since the last.
func (s *screen) done(format string, args ...any) {
	s.mu.Lock()
	now := time.Now()
	at, took := now.Sub(s.began).Seconds(), now.Sub(s.last).Seconds()
	s.last = now
	s.mu.Unlock()
	s.print(fmt.Sprintf("%s %s %s %s", s.paint(faint, fmt.Sprintf("%7.2f s", at)), s.paint(green, "✓"),
		fmt.Sprintf(format, args...), s.paint(faint, fmt.Sprintf("(%.2f s)", took))))
}

func (s *screen) failed(err error) {
	s.print("\n" + s.paint(red, "✗ The demo did not come true: ") + err.Error())
}

func (s *screen) end() {
	s.print(fmt.Sprintf("\n%s", s.paint(bold, fmt.Sprintf("All of this was true, after %.1f s.", time.Since(s.began).Seconds()))))
}

// next tells what can be tried with a cluster that was left up.
func (s *screen) next(c *cluster.Cluster) {
	s.title("The cluster is still up. What to try next")
	takeDown := ""
	if c.Own() {
		takeDown = "\nbin/devcluster down                    # takes the cluster down, without a trace"
	}
	s.block(fmt.Sprintf(`export KUBECONFIG=%[1]s
bin/tunnel-server status -n %[2]s
go build -o bin/cart ./examples/shop/cart
LISTEN=:18080 bin/tunnel-server run --service %[2]s/cart --port 18080 -- bin/cart   # this machine is cart now; Ctrl-C ends it
kubectl -n %[2]s get services,pods,intercepts -o wide         # meanwhile, elsewhere
kubectl get --raw '/api/v1/namespaces/%[2]s/services/loadgen:http/proxy/call?fresh=1&url=http://cart/cart/ann'%[3]s`, c.Kubeconfig, namespace, takeDown))
}
