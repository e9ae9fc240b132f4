//go:build !linux

package sandbox

import "net"

// peerAllowed can't tell who is at the other end here; the limits say so.
func peerAllowed(net.Conn) bool { return true }
