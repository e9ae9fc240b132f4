//go:build !linux

package agent

import (
	"errors"
	"net"
)

// peek: agents run on Linux; elsewhere all is relayed by connection.
func peek(*net.TCPConn, []byte) (int, error) { return 0, errors.ErrUnsupported }
