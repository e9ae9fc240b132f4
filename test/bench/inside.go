package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// insideVariable makes this program one that runs in a sandbox: "dns NAME SECONDS" or
// "connect ADDRESS COUNT". It tells how many worked, how many failed, and why one did.
const insideVariable = "KUBETUNNEL_BENCH_INSIDE"

// atOnce is how many questions or connections there are at a time.
const atOnce = 16

func runInside(what string) int {
	args := strings.Fields(what)
	if len(args) != 3 {
		return 2
	}
	number, err := strconv.Atoi(args[2])
	if err != nil {
		return 2
	}
	var c counter
	switch args[0] {
	case "dns":
		until := time.Now().Add(time.Duration(number) * time.Second)
		c.work(func() bool { return time.Now().Before(until) }, func() error { return lookUp(args[1]) })
	case "connect":
		var begun atomic.Int64
		c.work(func() bool { return begun.Add(1) <= int64(number) }, func() error { return callOnce(args[1]) })
	default:
		return 2
	}
	fmt.Println(c.good.Load(), c.bad.Load(), c.seconds)
	if why := c.why.Load(); why != nil {
		fmt.Fprintln(os.Stderr, *why)
	}
	return 0
}

// counter counts what went well, and what did not.
type counter struct {
	good, bad atomic.Int64
	why       atomic.Pointer[string]
	seconds   float64
}

func (c *counter) work(more func() bool, do func() error) {
	began := time.Now()
	var group sync.WaitGroup
	for range atOnce {
		group.Go(func() {
			for more() {
				if err := do(); err != nil {
					text := err.Error()
					c.why.Store(&text)
					c.bad.Add(1)
					continue
				}
				c.good.Add(1)
			}
		})
	}
	group.Wait()
	c.seconds = time.Since(began).Seconds()
}

// lookUp asks one question of DNS.
func lookUp(name string) error {
	resolver := net.Resolver{PreferGo: true}
	_, err := resolver.LookupNetIP(context.Background(), "ip4", name)
	return err
}

// callOnce makes a connection for one request, to which the far side puts an end.
func callOnce(address string) error {
	conn, err := net.DialTimeout("tcp", address, 30*time.Second)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	if _, err := io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: prober\r\nConnection: close\r\n\r\n"); err != nil {
		return err
	}
	answer, err := io.ReadAll(conn)
	if err == nil && !strings.HasPrefix(string(answer), "HTTP/1.1 200") {
		err = fmt.Errorf("answered %.40q", answer)
	}
	return err
}
