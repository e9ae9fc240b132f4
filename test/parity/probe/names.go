package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// patience bounds what is waited for in vain.
const patience = 5 * time.Second

// nameVerbs ask for names: as programs do, and by messages of their own.
var nameVerbs = map[string]func([]string) (string, error){
	"lookup":      func(a []string) (string, error) { return lookup("ip", a[0]) },
	"lookup4":     func(a []string) (string, error) { return lookup("ip4", a[0]) },
	"lookup6":     func(a []string) (string, error) { return lookup("ip6", a[0]) },
	"lookupcname": func(a []string) (string, error) { return net.LookupCNAME(a[0]) },
	"lookupsrv":   func(a []string) (string, error) { return lookupSRV(a[0], a[1], a[2]) },
	"lookupaddr":  func(a []string) (string, error) { return lookupAddr(a[0]) },
	"dns":         askDNS,
}

func lookup(network, name string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, network, name)
	if err != nil {
		return "", err
	}
	var lines []string
	for _, a := range addrs {
		lines = append(lines, a.Unmap().String())
	}
	return sorted(lines), nil
}

func lookupSRV(service, protocol, name string) (string, error) {
	_, records, err := net.LookupSRV(service, protocol, name)
	if err != nil {
		return "", err
	}
	var lines []string
	for _, r := range records {
		lines = append(lines, fmt.Sprintf("%s:%d", r.Target, r.Port))
	}
	return sorted(lines), nil
}

func lookupAddr(address string) (string, error) {
	found, err := net.LookupAddr(address)
	if err != nil {
		return "", err
	}
	return sorted(found), nil
}

// askDNS sends one message to the nameserver: TYPE NAME [tcp] [edns].
func askDNS(args []string) (string, error) {
	config, err := dns.ClientConfigFromFile("/etc/resolv.conf")
	if err != nil {
		return "", err
	}
	if len(config.Servers) == 0 {
		return "", errors.New("no nameserver")
	}
	client := &dns.Client{Timeout: patience, UDPSize: dns.MinMsgSize}
	question := (&dns.Msg{}).SetQuestion(dns.Fqdn(args[1]), dns.StringToType[args[0]])
	for _, option := range args[2:] {
		switch option {
		case "tcp":
			client.Net = "tcp"
		case "edns":
			question.SetEdns0(4096, false)
			client.UDPSize = 4096
		}
	}
	m, _, err := client.Exchange(question, net.JoinHostPort(config.Servers[0], config.Port))
	if err != nil {
		return "", err
	}
	lines := []string{fmt.Sprintf("%s aa=%v ra=%v tc=%v echo=%v", dns.RcodeToString[m.Rcode], m.Authoritative, m.RecursionAvailable, m.Truncated, m.Question[0].Name == question.Question[0].Name)}
	var records []string
	for section, rrs := range map[string][]dns.RR{"answer": m.Answer, "authority": m.Ns, "additional": m.Extra} {
		for _, r := range rrs {
			records = append(records, section+" "+strings.ReplaceAll(r.String(), "\t", " "))
		}
	}
	return strings.Join(append(lines, sorted(records)), "\n"), nil
}

// nameOfNetError names what has no errno.
func nameOfNetError(err error) string {
	var name *net.DNSError
	var timeout net.Error
	switch {
	case errors.As(err, &name) && name.IsNotFound:
		return "no such name"
	case errors.As(err, &timeout) && timeout.Timeout(), errors.Is(err, os.ErrDeadlineExceeded):
		return "timeout"
	case name != nil:
		return "name: " + name.Err
	}
	return ""
}
