//go:build linux

package sandbox

import (
	"bytes"
	"encoding/binary"
	"log/slog"
	"net"
	"testing"

	"github.com/miekg/dns"
)

// FuzzSocks: a request is read to an address with a port, or refused.
func FuzzSocks(f *testing.F) {
	f.Add([]byte{5, 1, 0, 5, 1, 0, 1, 10, 0, 0, 1, 0, 80})
	f.Add(append([]byte{5, 2, 0, 2, 5, 1, 0, 3, 6}, "prices\x00\x50"...))
	f.Add([]byte{5, 1, 2, 5, 2, 0, 4})
	f.Add([]byte{4, 1, 0, 80, 10, 0, 0, 1, 0})
	f.Add(append([]byte{5, 1, 0, 5, 1, 0, 3, 5}, "0[000\x00\x50"...))
	f.Fuzz(func(t *testing.T, b []byte) {
		address, reply, err := readSocksRequest(bytes.NewBuffer(b))
		if err != nil || reply != socksSucceeded {
			return
		}
		host, port, err := net.SplitHostPort(address)
		if err != nil || host == "" || port == "" {
			t.Errorf("%x is read as %q: %v", b, address, err)
		}
	})
}

// FuzzQuestion: whatever a program asks, what is answered is an answer to that question, or none.
func FuzzQuestion(f *testing.F) {
	for _, name := range []string{"prices.", HostAliasName + ".", "."} {
		raw, err := (&dns.Msg{}).SetQuestion(name, dns.TypeA).Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Add(make([]byte, 12))
	f.Add(bytes.Repeat([]byte{0xc0, 0x0c}, 20))
	f.Fuzz(func(t *testing.T, raw []byte) {
		s := &nameServer{cluster: failing{}, workstation: failing{}, hosts: newDestinations(Config{}), log: slog.New(slog.DiscardHandler)}
		answer := s.answer(t.Context(), raw, true)
		if answer == nil {
			return
		}
		m := &dns.Msg{}
		if err := m.Unpack(answer); err != nil || m.Id != binary.BigEndian.Uint16(raw) || !m.Response && m.Rcode != dns.RcodeFormatError {
			t.Errorf("%x is answered by %x: %v", raw, answer, err)
		}
	})
}
