package tunnel

import (
	"errors"
	"fmt"
)

// Why a session or a stream ended.
var (
	// ErrClosed: one of the ends closed the session.
	ErrClosed = errors.New("tunnel: closed")
	// ErrAbandoned: the session was not attached for longer than it may.
	ErrAbandoned = errors.New("tunnel: abandoned after it could not be reached for too long")
	// ErrForgotten: the far side does not know the session any more, as after its
	// restart, or when the key was withdrawn meanwhile. A new Dial tells which.
	ErrForgotten = errors.New("tunnel: the far side does not know this session any more")
	// ErrReset: the far side gave the stream up.
	ErrReset = errors.New("tunnel: stream reset by the far side")
)

// UnauthorizedError means that the far side's key is not the pinned one, or that
// Key is not one that the far side allows.
type UnauthorizedError struct {
	Key   PublicKey
	Cause error
}

func (e *UnauthorizedError) Error() string {
	return fmt.Sprintf("key %s is not authorized: %v", e.Key, e.Cause)
}

// Unwrap gives the reason.
func (e *UnauthorizedError) Unwrap() error { return e.Cause }

// DialError means that no transport could be had.
type DialError struct{ Cause error }

func (e *DialError) Error() string { return "no connection to the far side: " + e.Cause.Error() }

// Unwrap gives the dialer's error.
func (e *DialError) Unwrap() error { return e.Cause }
