package sandbox

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// resolveTime bounds one question; programs ask again after five seconds.
const resolveTime = 10 * time.Second

// dnsIdle is how long a flow without a question lives: programs ask from a new port
// each time.
const dnsIdle = time.Second

// maxQuestion is the largest question by UDP.
const maxQuestion = 4096

// maxQuestions bounds the questions of one flow that wait for an answer.
const maxQuestions = 128

// nameServer answers at the addresses that the pod's resolv.conf names. The cluster's
// resolver is asked; names that it doesn't know, and the cluster doesn't claim, are
// asked of the workstation's, for those of a company's network.
//
// Each question has a goroutine, which ends with its answer, after resolveTime at most.
type nameServer struct {
	addresses   map[netip.Addr]bool
	cluster     Resolver
	workstation Resolver
	hosts       *destinations
	log         *slog.Logger
}

func newNameServer(cfg Config, hosts *destinations, log *slog.Logger) *nameServer {
	s := &nameServer{addresses: nameservers(cfg.Pod), cluster: cfg.Pod.Resolver, workstation: cfg.Pod.Workstation, hosts: hosts, log: log}
	if s.workstation == nil {
		s.workstation = systemResolver{file: "/etc/resolv.conf"}
	}
	return s
}

// at tells whether questions are answered at an address.
func (s *nameServer) at(to netip.AddrPort) bool {
	return to.Port() == 53 && s.addresses[to.Addr().WithZone("")]
}

// serveMessages answers the questions of a UDP flow.
func (s *nameServer) serveMessages(ctx context.Context, conn net.Conn) {
	var questions sync.WaitGroup
	defer questions.Wait()
	slots := make(chan struct{}, maxQuestions)
	buffer := make([]byte, maxQuestion)
	for {
		_ = conn.SetReadDeadline(time.Now().Add(dnsIdle))
		n, err := conn.Read(buffer)
		var timeout net.Error
		if errors.As(err, &timeout) && timeout.Timeout() && len(slots) > 0 {
			continue // an answer is on its way, another question may follow it
		}
		if err != nil {
			return
		}
		question := append([]byte(nil), buffer[:n]...)
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return
		}
		questions.Go(func() {
			defer func() { <-slots }()
			if answer := s.answer(ctx, question, true); answer != nil {
				_, _ = conn.Write(answer)
			}
		})
	}
}

// serveStream answers the questions of a TCP connection, in their order.
func (s *nameServer) serveStream(ctx context.Context, conn net.Conn) {
	defer func() { _ = conn.Close() }()
	for {
		_ = conn.SetReadDeadline(time.Now().Add(udpIdle))
		var length [2]byte
		if _, err := io.ReadFull(conn, length[:]); err != nil {
			return
		}
		question := make([]byte, binary.BigEndian.Uint16(length[:]))
		if _, err := io.ReadFull(conn, question); err != nil {
			return
		}
		answer := s.answer(ctx, question, false)
		if answer == nil {
			return
		}
		if _, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...)); err != nil {
			return
		}
	}
}

// answer gives the message to send back, nil for none.
func (s *nameServer) answer(ctx context.Context, raw []byte, udp bool) []byte {
	question := &dns.Msg{}
	if err := question.Unpack(raw); err != nil || question.Response || len(question.Question) != 1 {
		if len(raw) < 12 || question.Response {
			return nil
		}
		return pack((&dns.Msg{}).SetRcodeFormatError(&dns.Msg{MsgHdr: dns.MsgHdr{Id: binary.BigEndian.Uint16(raw)}}))
	}
	if strings.EqualFold(question.Question[0].Name, dns.Fqdn(HostAliasName)) {
		return pack(aliasAnswer(question))
	}
	ctx, cancel := context.WithTimeout(ctx, resolveTime)
	defer cancel()
	reply, replyRaw, err := s.ask(ctx, question, raw)
	if err != nil {
		s.log.Debug("question without an answer", "name", question.Question[0].Name, "error", err)
		return pack((&dns.Msg{}).SetRcode(question, dns.RcodeServerFailure))
	}
	if !udp {
		return replyRaw
	}
	size := dns.MinMsgSize
	if edns := question.IsEdns0(); edns != nil {
		size = max(size, int(edns.UDPSize()))
	}
	if len(replyRaw) <= size {
		return replyRaw
	}
	reply.Truncate(size)
	return pack(reply)
}

func pack(m *dns.Msg) []byte {
	raw, err := m.Pack()
	if err != nil {
		return nil
	}
	return raw
}

func (s *nameServer) ask(ctx context.Context, question *dns.Msg, raw []byte) (*dns.Msg, []byte, error) {
	name := strings.TrimSuffix(question.Question[0].Name, ".")
	if cluster, known := s.hosts.routed(name); known && !cluster {
		own, ownRaw, err := exchange(ctx, s.workstation, raw)
		if err != nil {
			return nil, nil, err
		}
		s.learn(own, func(netip.Addr) bool { return false })
		return own, ownRaw, nil
	}
	reply, replyRaw, err := exchange(ctx, s.cluster, raw)
	if err != nil {
		return nil, nil, err
	}
	claimed := s.hosts.contains(ctx, name)
	if reply.Rcode == dns.RcodeNameError && !claimed {
		own, ownRaw, err := exchange(ctx, s.workstation, raw)
		if err == nil && own.Rcode == dns.RcodeSuccess && len(own.Answer) > 0 {
			s.learn(own, func(netip.Addr) bool { return false })
			return own, ownRaw, nil
		}
	}
	// Of a name that is not the cluster's own, private addresses are those of its network.
	s.learn(reply, func(a netip.Addr) bool { return claimed || a.IsPrivate() })
	return reply, replyRaw, nil
}

func exchange(ctx context.Context, r Resolver, raw []byte) (*dns.Msg, []byte, error) {
	answer, err := r.Resolve(ctx, raw)
	if err != nil {
		return nil, nil, err
	}
	m := &dns.Msg{}
	if err := m.Unpack(answer); err != nil {
		return nil, nil, err
	}
	// A resolver may give an answer that it kept from another question.
	m.Id = binary.BigEndian.Uint16(raw)
	copy(answer, raw[:2])
	return m, answer, nil
}

// learn notes whose the addresses of an answer are.
func (s *nameServer) learn(m *dns.Msg, cluster func(netip.Addr) bool) {
	for _, record := range append(append([]dns.RR{}, m.Answer...), m.Extra...) {
		var ip net.IP
		switch r := record.(type) {
		case *dns.A:
			ip = r.A
		case *dns.AAAA:
			ip = r.AAAA
		}
		if a, ok := netip.AddrFromSlice(ip); ok {
			a = a.Unmap()
			s.hosts.learn(a, cluster(a))
		}
	}
}

func aliasAnswer(question *dns.Msg) *dns.Msg {
	m := (&dns.Msg{}).SetReply(question)
	if q := question.Question[0]; q.Qtype == dns.TypeA {
		m.Answer = []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: q.Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 60}, A: HostAlias.AsSlice()}}
	}
	return m
}

// systemResolver asks the nameservers of a resolv.conf, which is read each time: a
// laptop changes its network.
type systemResolver struct{ file string }

// Resolve asks one nameserver after the other.
func (s systemResolver) Resolve(ctx context.Context, message []byte) ([]byte, error) {
	config, err := dns.ClientConfigFromFile(s.file)
	if err != nil {
		return nil, err
	}
	question := &dns.Msg{}
	if err := question.Unpack(message); err != nil {
		return nil, err
	}
	err = errors.New("no nameserver in " + s.file)
	for _, server := range config.Servers {
		address := net.JoinHostPort(server, config.Port)
		var m *dns.Msg
		m, _, err = (&dns.Client{Timeout: 2 * time.Second, UDPSize: dns.DefaultMsgSize}).ExchangeContext(ctx, question, address)
		if err == nil && m.Truncated {
			m, _, err = (&dns.Client{Net: "tcp", Timeout: 2 * time.Second}).ExchangeContext(ctx, question, address)
		}
		if err == nil {
			return m.Pack()
		}
	}
	return nil, err
}
