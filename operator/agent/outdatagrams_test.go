package agent

import (
	"errors"
	"net"
	"syscall"
	"testing"

	"github.com/kubetunnel/kubetunnel/engine/tunnel"
)

func TestThatNobodyTakesDatagramsIsToldAndTheFlowGoesOn(t *testing.T) {
	far, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := far.LocalAddr().String()
	_ = far.Close()
	e := newWorld(t).attach(workstation)
	d := tunnel.NewDatagrams(e.open(tunnel.Header{Kind: tunnel.KindUDP, Target: address}))
	for range 2 {
		if _, err := d.Write([]byte("anybody?")); err != nil {
			t.Fatal(err)
		}
		if _, err := d.Read(make([]byte, maxDatagram)); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Fatalf("got %v", err)
		}
	}
	if far, err = net.ListenPacket("udp", address); err != nil {
		t.Skip("the port was taken meanwhile:", err)
	}
	defer func() { _ = far.Close() }()
	if _, err := d.Write([]byte("now")); err != nil {
		t.Fatal(err)
	}
	if n, _, err := far.ReadFrom(make([]byte, 10)); err != nil || n != 3 {
		t.Errorf("%d bytes, %v", n, err)
	}
}

func TestDatagramsGoOutOfThePodAndComeBackWhole(t *testing.T) {
	far, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, maxDatagram)
		for {
			n, from, err := far.ReadFrom(buf)
			if err != nil {
				return
			}
			_, _ = far.WriteTo(buf[:n], from)
		}
	}()
	t.Cleanup(func() { _ = far.Close(); <-done })
	e := newWorld(t).attach(workstation)
	d := tunnel.NewDatagrams(e.open(tunnel.Header{Kind: tunnel.KindUDP, Target: far.LocalAddr().String()}))
	for _, size := range []int{1, 1400, 60_000, 0, 7} {
		if _, err := d.Write(make([]byte, size)); err != nil {
			t.Fatal(err)
		}
		if n, err := d.Read(make([]byte, maxDatagram)); err != nil || n != size {
			t.Errorf("%d bytes came back as %d, %v", size, n, err)
		}
	}
}
