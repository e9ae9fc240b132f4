package debug

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"os/user"

	"github.com/Microsoft/go-winio"

	"github.com/kubetunnel/kubetunnel/protocol"
)

// listenEndpoint listens on a named pipe with a name that can't be guessed, open to
// this user alone.
func listenEndpoint(string) (net.Listener, protocol.Endpoint, error) {
	me, err := user.Current()
	if err != nil {
		return nil, protocol.Endpoint{}, err
	}
	path := `\\.\pipe\kubetunnel-` + rand.Text()
	l, err := winio.ListenPipe(path, &winio.PipeConfig{SecurityDescriptor: fmt.Sprintf("D:P(A;;GA;;;%s)", me.Uid)})
	if err != nil {
		return nil, protocol.Endpoint{}, err
	}
	return l, protocol.Endpoint{Network: "pipe", Address: path}, nil
}

func dialNetwork(ctx context.Context, endpoint *protocol.Endpoint) (net.Conn, error) {
	if endpoint.Network == "pipe" {
		return winio.DialPipeContext(ctx, endpoint.Address)
	}
	var d net.Dialer
	return d.DialContext(ctx, endpoint.Network, endpoint.Address)
}
