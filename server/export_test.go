package server

import "time"

// WithAlive gives options with another way to tell whether a process lives.
func (o Options) WithAlive(alive func(pid int) bool) Options {
	o.alive = alive
	return o
}

// CloseTimeout is closeTimeout.
const CloseTimeout time.Duration = closeTimeout
