package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/kubetunnel/kubetunnel/test/cluster"
)

// screen prints for a person: the time since the start, and colour on a terminal.
type screen struct {
	began  time.Time
	colour bool
}

func newScreen() *screen {
	info, err := os.Stdout.Stat()
	return &screen{began: time.Now(), colour: err == nil && info.Mode()&os.ModeCharDevice != 0}
}

func (s *screen) paint(code, text string) string {
	if !s.colour {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (s *screen) line(mark, text string) {
	fmt.Printf("%s %s %s\n", s.paint("2", fmt.Sprintf("%7.2fs", time.Since(s.began).Seconds())), mark, text)
}

func (s *screen) title(text string) { fmt.Printf("\n%s\n", s.paint("1", text)) }
func (s *screen) text(text string)  { fmt.Printf("          %s\n", text) }
func (s *screen) detail(text string) {
	fmt.Printf("          %s\n", s.paint("2", strings.TrimSpace(text)))
}
func (s *screen) done(format string, args ...any) {
	s.line(s.paint("32", "✓"), fmt.Sprintf(format, args...))
}

func (s *screen) block(text string) {
	for _, line := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		fmt.Printf("            %s\n", line)
	}
}

// next tells what can be tried with a cluster that was left up.
func (s *screen) next(c *cluster.Cluster) {
	s.title("The cluster is still up. What to try next")
	s.block(fmt.Sprintf(`export KUBECONFIG=%[1]s
kubectl -n %[2]s get pods,services
bin/tunnel-server status -n %[2]s
go build -o /tmp/cart ./examples/shop/cart
bin/tunnel-server run --service %[2]s/cart -- /tmp/cart          # Ctrl-C ends it
kubectl get --raw '/api/v1/namespaces/%[2]s/services/loadgen:http/proxy/call?fresh=1&url=http://cart/cart/ann'
make clean                                                       # takes the cluster down`, c.Kubeconfig, namespace))
}
