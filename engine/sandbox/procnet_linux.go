package sandbox

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"
)

// listListenersByProc reads /proc/net/tcp and tcp6, for kernels and containers
// where netlink's socket diagnosis is not to be had.
func listListenersByProc(port int) ([]listenSocket, error) {
	var sockets []listenSocket
	for _, name := range []string{"/proc/self/net/tcp", "/proc/self/net/tcp6"} {
		f, err := os.Open(name)
		if os.IsNotExist(err) && strings.HasSuffix(name, "6") {
			continue // IPv6 is off
		}
		if err != nil {
			return nil, err
		}
		found, err := parseProcNet(bufio.NewScanner(f), port)
		_ = f.Close()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		sockets = append(sockets, found...)
	}
	return sockets, nil
}

func parseProcNet(lines *bufio.Scanner, port int) ([]listenSocket, error) {
	var sockets []listenSocket
	want := fmt.Sprintf(":%04X", port)
	for lines.Scan() {
		// sl local_address rem_address st tx:rx tr:tm retrnsmt uid timeout inode
		line := lines.Text()
		if !strings.Contains(line, want) {
			continue
		}
		fields := strings.Fields(line)
		if len(fields) < 10 || fields[3] != "0A" || !strings.HasSuffix(fields[1], want) {
			continue
		}
		addr, err := parseProcAddr(strings.TrimSuffix(fields[1], want))
		if err != nil {
			return nil, err
		}
		inode, err := strconv.ParseUint(fields[9], 10, 64)
		if err != nil {
			return nil, err
		}
		sockets = append(sockets, listenSocket{inode: inode, addr: addr})
	}
	return sockets, lines.Err()
}

// parseProcAddr reads an address as the kernel prints it: 32-bit words of this machine's byte order.
func parseProcAddr(text string) (netip.Addr, error) {
	raw, err := hex.DecodeString(text)
	if err != nil || (len(raw) != 4 && len(raw) != 16) {
		return netip.Addr{}, fmt.Errorf("%q is not an address", text)
	}
	for i := 0; i < len(raw); i += 4 {
		binary.BigEndian.PutUint32(raw[i:], binary.NativeEndian.Uint32(raw[i:]))
	}
	addr, _ := netip.AddrFromSlice(raw)
	return addr, nil
}
