package main

import (
	"context"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"
)

const (
	lastPort = 65535
	// scanners try ports side by side; a closed port answers at once.
	scanners    = 64
	scanTimeout = 2 * time.Second
)

// scan finds the TCP ports on which anybody listens at an address.
func scan(ctx context.Context, ip string) []int {
	ports := make(chan int)
	var mu sync.Mutex
	open := []int{}
	var group sync.WaitGroup
	for range scanners {
		group.Go(func() {
			dialer := net.Dialer{Timeout: scanTimeout}
			for port := range ports {
				conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(ip, strconv.Itoa(port)))
				if err != nil {
					continue
				}
				_ = conn.Close()
				mu.Lock()
				open = append(open, port)
				mu.Unlock()
			}
		})
	}
	for port := 1; port <= lastPort && ctx.Err() == nil; port++ {
		ports <- port
	}
	close(ports)
	group.Wait()
	slices.Sort(open)
	return open
}
