package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"

	"github.com/miekg/dns"

	"github.com/kubetunnel/kubetunnel/engine/sandbox"
	"github.com/kubetunnel/kubetunnel/test/cluster"
)

// warmUp are connections before the first look: pools and stacks have grown then.
const warmUp = 2000

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

// sandboxLeak makes many connections out of the sandbox, and looks at what is left of them.
func (b *bench) sandboxLeak(ctx context.Context, box sandbox.Sandbox) error {
	if _, _, _, err := inside(ctx, box, "connect", "prober:80", warmUp); err != nil {
		return err
	}
	before, err := look()
	if err != nil {
		return err
	}
	good, bad, seconds, err := inside(ctx, box, "connect", "prober:80", b.connections)
	if err != nil {
		return err
	}
	var after usage
	// The last connections are still being closed; what never goes is a leak.
	settled := cluster.Wait(ctx, "connections to be over", func() (bool, error) {
		if after, err = look(); err != nil {
			return false, err
		}
		return after.descriptors <= before.descriptors+2 && after.goroutines <= before.goroutines+atOnce, fmt.Errorf("%+v, before %+v", after, before)
	})
	if settled != nil {
		say(settled.Error())
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
