package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"sync"
	"time"
)

// drip is between two bytes of a connection that is held.
const drip = 200 * time.Millisecond

// hold keeps count connections to each address, each with a byte now and then that
// makes it look alive, and makes a new one for each that is closed there.
func hold(ctx context.Context, addresses []string, count int) error {
	fmt.Fprintf(os.Stderr, "holding %d connections to each of %v\n", count, addresses)
	var group sync.WaitGroup
	for _, address := range addresses {
		for range count {
			group.Go(func() {
				for ctx.Err() == nil {
					holdOne(ctx, address)
				}
			})
		}
	}
	group.Wait()
	return nil
}

// slow is a start of everything that is spoken at an agent's ports, byte by byte.
const slow = "KTP1\x01\x01GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "

func holdOne(ctx context.Context, address string) {
	dialer := net.Dialer{Timeout: scanTimeout}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	tick := time.NewTicker(drip)
	defer tick.Stop()
	for i := 0; err == nil; i++ {
		_, err = conn.Write([]byte{slow[min(i, len(slow)-1)]})
		select {
		case <-ctx.Done():
			err = ctx.Err()
		case <-tick.C:
		}
	}
	if conn != nil {
		_ = conn.Close()
		return
	}
	select {
	case <-ctx.Done():
	case <-tick.C:
	}
}
