package main

import (
	"net"
	"strconv"

	"github.com/kubetunnel/kubetunnel/protocol"
)

// forwardMap are the forwards as the sandbox takes them; each local port once, each
// address with a host and a port.
func forwardMap(forwards []protocol.Forward) (map[int]string, error) {
	out := map[int]string{}
	for _, f := range forwards {
		host, port, err := net.SplitHostPort(f.Address)
		number, notNumber := strconv.ParseUint(port, 10, 16)
		switch {
		case err != nil || notNumber != nil || host == "" || number == 0:
			return nil, protocol.Errorf(protocol.CodeInvalidParams, "forward of port %d to %q: write the address as host:port, such as db.data:5432", f.LocalPort, f.Address)
		case f.LocalPort < 1 || f.LocalPort > 65535:
			return nil, protocol.Errorf(protocol.CodeInvalidParams, "forward of port %d to %s: a local port is between 1 and 65535", f.LocalPort, f.Address)
		case out[f.LocalPort] != "":
			return nil, protocol.Errorf(protocol.CodeInvalidParams, "port %d is forwarded to both %s and %s", f.LocalPort, out[f.LocalPort], f.Address)
		}
		out[f.LocalPort] = f.Address
	}
	return out, nil
}
