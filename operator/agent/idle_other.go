//go:build !linux

package agent

import (
	"net"
	"time"
)

// idle: agents run on Linux; elsewhere connections are drained by their end or the limit.
func idle(*net.TCPConn, time.Duration) bool { return false }
