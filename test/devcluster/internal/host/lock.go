package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"
)

// Lock lets one command at a time change a cluster. The lock is an abstract
// socket: it ends with its process, and there is no file to leave behind.
func Lock(ctx context.Context, cluster string, say func(string, ...any)) (io.Closer, error) {
	var lock net.Listener
	told := false
	err := Poll(ctx, 100*time.Millisecond, func() (pending, fatal error) {
		l, err := net.Listen("unix", "@kubetunnel-devcluster-"+cluster)
		if errors.Is(err, syscall.EADDRINUSE) {
			if !told {
				told = true
				say("waiting for another devcluster command on cluster %s", cluster)
			}
			return fmt.Errorf("another devcluster command is at work on cluster %s", cluster), nil
		}
		lock = l
		return nil, err
	})
	return lock, err
}
