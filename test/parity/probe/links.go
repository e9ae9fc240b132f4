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
	"links":   func([]string) (string, error) { return links() },
	"address": func([]string) (string, error) { return ownAddress() },
	"mtu":     func(a []string) (string, error) { return mtu(a[0]) },
	"prefix":  func(a []string) (string, error) { return prefix(a[0]) },
	"route":   func([]string) (string, error) { return defaultRoute() },
	"sysctl":  func(a []string) (string, error) { return read("/proc/sys/" + a[0]) },
}

func links() (string, error) {
	all, err := net.Interfaces()
	var names []string
	for _, l := range all {
		names = append(names, fmt.Sprintf("%s %v", l.Name, l.Flags&net.FlagUp != 0))
	}
	return sorted(names), err
}

// ownAddress is the pod's own.
func ownAddress() (string, error) {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return "", err
	}
	var found []string
	for _, a := range all {
		if ip, ok := a.(*net.IPNet); ok && ip.IP.IsGlobalUnicast() {
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

// prefix is how large the link's own network is.
func prefix(link string) (string, error) {
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
		if ip, ok := a.(*net.IPNet); ok && !ip.IP.IsLinkLocalUnicast() {
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
