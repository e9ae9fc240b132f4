//go:build linux

package sandbox

import (
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// measureHelper are the programs inside that move and count data.
func measureHelper(args []string) {
	switch args[0] {
	case "bulk": // sends, ends its side, and hears what came and as much again
		conn, err := net.Dial("tcp", args[1])
		if err != nil {
			fmt.Println(errorName(err))
			return
		}
		_, _ = io.Copy(conn, io.LimitReader(&pattern{}, bulkSize))
		_ = conn.(*net.TCPConn).CloseWrite()
		line := make([]byte, 0, 100)
		for one := make([]byte, 1); ; line = append(line, one[0]) {
			if _, err := conn.Read(one); err != nil || one[0] == '\n' {
				break
			}
		}
		fmt.Println(string(line))
		fmt.Println(bulkHash(conn))
	case "break":
		conn, err := net.Dial("tcp", args[1])
		if err != nil {
			return
		}
		_, _ = io.WriteString(conn, "break")
		time.Sleep(50 * time.Millisecond)
		_ = conn.(*net.TCPConn).SetLinger(0)
		_ = conn.Close()
	case "udpsize":
		conn, err := net.Dial("udp", args[1])
		if err != nil {
			return
		}
		size, _ := strconv.Atoi(args[2])
		_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
		fmt.Println(len(exchangeLine(conn, strings.Repeat("m", size))))
	case "measure":
		measure(args[1], args[2])
	case "throughput":
		throughput(args[1])
	}
}

func median(count int, one func()) time.Duration {
	var all []time.Duration
	for range count {
		began := time.Now()
		one()
		all = append(all, time.Since(began))
	}
	slices.Sort(all)
	return all[len(all)/2]
}

func measure(tcp, udp string) {
	conn, err := net.Dial("tcp", tcp)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("TCP round trip", median(3000, func() { exchangeLine(conn, "hello") }))
	_ = conn.Close()
	messages, err := net.Dial("udp", udp)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("UDP round trip", median(3000, func() { exchangeLine(messages, "hello") }))
	fmt.Println("DNS question", median(300, func() { _, _ = net.LookupHost("prices.shop.svc.cluster.local.") }))
	for _, workers := range []int{1, 8} {
		began := time.Now()
		var group sync.WaitGroup
		for range workers {
			group.Go(func() {
				for range 2000 / workers {
					if conn, err := net.Dial("tcp", tcp); err == nil {
						exchangeLine(conn, "hello")
						_ = conn.Close()
					}
				}
			})
		}
		group.Wait()
		fmt.Printf("%d at once: %.0f connections/s\n", workers, 2000/time.Since(began).Seconds())
	}
}

func throughput(address string) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		fmt.Println(err)
		return
	}
	rate := func(n int64, began time.Time) float64 { return float64(n) * 8 / time.Since(began).Seconds() / 1e9 }
	block := make([]byte, 256<<10)
	began := time.Now()
	for range (1 << 30) / len(block) {
		_, _ = conn.Write(block)
	}
	fmt.Printf("up %.1f Gbit/s, ", rate(1<<30, began))
	_ = conn.(*net.TCPConn).CloseWrite()
	began = time.Now()
	n := int64(0)
	for {
		m, err := conn.Read(block)
		n += int64(m)
		if err != nil {
			break
		}
	}
	fmt.Printf("down %.1f Gbit/s\n", rate(n, began))
}
