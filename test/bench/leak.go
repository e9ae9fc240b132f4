package main

import (
	"context"
	"os"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/miekg/dns"

	"github.com/kubetunnel/kubetunnel/engine/sandbox"
)

// warmUp are connections before the first look: pools and stacks have grown then.
const warmUp = 2000

// settlePause is longer than flows of questions to DNS outlive their answers.
const settlePause = 1500 * time.Millisecond

// usage is what this process, which has the sandbox's network in it, holds.
type usage struct {
	descriptors, goroutines int
	heap                    float64 // MiB
}

func look() (usage, error) {
	runtime.GC()
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	entries, err := os.ReadDir("/proc/self/fd")
	return usage{len(entries), runtime.NumGoroutine(), float64(m.HeapAlloc) / (1 << 20)}, err
}

// settle looks until what is over has gone: nothing is given back between two looks.
func settle(ctx context.Context) (usage, error) {
	last, err := look()
	for err == nil {
		select {
		case <-ctx.Done():
			return last, ctx.Err()
		case <-time.After(settlePause):
		}
		var now usage
		if now, err = look(); now.descriptors >= last.descriptors && now.goroutines >= last.goroutines {
			return now, err
		}
		last = now
	}
	return last, err
}

// sandboxLeak makes many connections out of the sandbox, and looks at what is left of them.
func (b *bench) sandboxLeak(ctx context.Context, box sandbox.Sandbox) error {
	if _, _, _, err := inside(ctx, box, "connect", "prober:80", warmUp); err != nil {
		return err
	}
	before, err := settle(ctx)
	if err != nil {
		return err
	}
	good, bad, seconds, err := inside(ctx, box, "connect", "prober:80", b.connections)
	if err != nil {
		return err
	}
	after, err := settle(ctx)
	if err != nil {
		return err
	}
	r := b.report
	r.add("sandbox: connections made for the following", float64(good+bad), "connections")
	r.add("sandbox: of them a second", float64(good)/seconds, "/s")
	r.add("sandbox: connections failed", float64(bad), "connections")
	r.beside("sandbox: open descriptors at the end", float64(after.descriptors), "", "before", float64(before.descriptors))
	r.beside("sandbox: goroutines at the end", float64(after.goroutines), "", "before", float64(before.goroutines))
	r.beside("sandbox: heap at the end", after.heap, "MiB", "before", before.heap)
	return nil
}

// question is a DNS message that asks for an IPv4 address.
func question(name string) ([]byte, error) {
	var m dns.Msg
	m.SetQuestion(name, dns.TypeA)
	return m.Pack()
}
