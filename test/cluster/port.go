package cluster

import (
	"context"
	"net"
)

// FreePort is a local port that nobody listens on: those of the apps may be taken on a workstation.
func FreePort(ctx context.Context) (int, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return listener.Addr().(*net.TCPAddr).Port, listener.Close()
}
