package main

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
)

// linkVerbs ask about the network that a process is in.
var linkVerbs = map[string]func([]string) (string, error){
	"links":    func([]string) (string, error) { return links() },
	"address":  func([]string) (string, error) { return ownAddress(false) },
	"address6": func([]string) (string, error) { return ownAddress(true) },
	"mtu":      func(a []string) (string, error) { return mtu(a[0]) },
	"prefix":   func(a []string) (string, error) { return prefix(a[0], false) },
	"prefix6":  func(a []string) (string, error) { return prefix(a[0], true) },
	"route":    func([]string) (string, error) { return defaultRoute() },
	"route6":   func([]string) (string, error) { return defaultRoute6() },
	"sysctl":   func(a []string) (string, error) { return read("/proc/sys/" + a[0]) },
}

func links() (string, error) {
	all, err := net.Interfaces()
	var names []string
	for _, l := range all {
		names = append(names, fmt.Sprintf("%s %v", l.Name, l.Flags&net.FlagUp != 0))
	}
	return sorted(names), err
}

// ownAddress is the pod's own of a family.
func ownAddress(ipv6 bool) (string, error) {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return "", err
	}
	var found []string
	for _, a := range all {
		if ip, ok := a.(*net.IPNet); ok && ip.IP.IsGlobalUnicast() && (ip.IP.To4() == nil) == ipv6 {
			found = append(found, ip.IP.String())
		}
	}
	return sorted(found), nil
}

func mtu(link string) (string, error) {
	l, err := net.InterfaceByName(link)
	if err != nil {
		return "", err
	}
	return fmt.Sprint(l.MTU), nil
}

// prefix is how large the link's own network of a family is.
func prefix(link string, ipv6 bool) (string, error) {
	l, err := net.InterfaceByName(link)
	if err != nil {
		return "", err
	}
	all, err := l.Addrs()
	if err != nil {
		return "", err
	}
	var lines []string
	for _, a := range all {
		if ip, ok := a.(*net.IPNet); ok && !ip.IP.IsLinkLocalUnicast() && (ip.IP.To4() == nil) == ipv6 {
			lines = append(lines, a.String())
		}
	}
	return sorted(lines), nil
}

// defaultRoute is the link and the gateway by which everything else is reached.
func defaultRoute() (string, error) {
	f, err := os.Open("/proc/net/route")
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 3 || fields[1] != "00000000" {
			continue
		}
		b, err := hex.DecodeString(fields[2])
		if err != nil || len(b) != 4 {
			return "", errors.New("a gateway that is no address")
		}
		if b[0]|b[1]|b[2]|b[3] == 0 {
			return fields[0] + ", no gateway", nil
		}
		return fields[0] + ", by a gateway", nil
	}
	return "none", lines.Err()
}

// defaultRoute6 is the same for IPv6: ten fields a line, of which the last is the link,
// the first two the destination, and the fifth the gateway.
func defaultRoute6() (string, error) {
	f, err := os.Open("/proc/net/ipv6_route")
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	const nothing = "00000000000000000000000000000000"
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		switch {
		case len(fields) < 10 || fields[0] != nothing || fields[1] != "00" || fields[9] == "lo":
		case fields[4] == nothing:
			return fields[9] + ", no gateway", nil
		default:
			return fields[9] + ", by a gateway", nil
		}
	}
	return "none", lines.Err()
}
