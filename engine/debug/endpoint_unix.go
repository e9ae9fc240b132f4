//go:build unix

package debug

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"github.com/kubetunnel/kubetunnel/protocol"
)

// maxSocketPath is what fits into a Unix socket's address on every system.
const maxSocketPath = 103

// listenEndpoint listens on a Unix socket in the session's private folder.
func listenEndpoint(dir string) (net.Listener, protocol.Endpoint, error) {
	path := filepath.Join(dir, "dap.sock")
	if len(path) > maxSocketPath {
		return nil, protocol.Endpoint{}, fmt.Errorf("%s is too long for a Unix socket", path)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, protocol.Endpoint{}, err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, protocol.Endpoint{}, errors.Join(err, l.Close())
	}
	return l, protocol.Endpoint{Network: "unix", Address: path}, nil
}

func dialNetwork(ctx context.Context, endpoint *protocol.Endpoint) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, endpoint.Network, endpoint.Address)
}
