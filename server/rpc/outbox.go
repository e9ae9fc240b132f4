package rpc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

const (
	// latestLimit is how far the far side may lag, in bytes, before frames are replaced
	// by later ones of their key; lagLimit, before optional frames are left out.
	latestLimit = 64 << 10
	lagLimit    = 16 << 20
	// goneLimit is the lag at which the far side counts as gone.
	goneLimit = 256 << 20
	// finishTimeout is what the last words of a connection get.
	finishTimeout = time.Second
)

// ErrLagging means that an optional notification was left out: the far side does not read.
var ErrLagging = errors.New("the far side does not keep up")

// frame is an encoded message on its way out.
type frame struct {
	content []byte
	// optional frames are left out when the far side lags.
	optional bool
	// key, if any: when the far side lags, a later frame of the same key takes its place.
	key string
}

// outbox keeps messages in order, so that whoever sends something never waits for
// an editor that does not read. Its goroutine writes them; it ends with close, or
// with the first write that fails.
type outbox struct {
	fail func(error)
	wake chan struct{}

	mu      sync.Mutex
	frames  []frame
	size    int // bytes in frames
	writing bool
	over    bool
	idle    chan struct{} // closed when nothing waits; replaced when something does
}

// newOutbox begins to write; fail is called once if it can't.
func newOutbox(w io.Writer, fail func(error)) *outbox {
	o := &outbox{fail: fail, wake: make(chan struct{}, 1), idle: make(chan struct{})}
	close(o.idle)
	go o.run(w)
	return o
}

func (o *outbox) put(f frame) error {
	err := o.add(f)
	if errors.Is(err, errGone) {
		o.lose(err)
	}
	return err
}

// errGone is the end of a connection that nobody reads.
var errGone = fmt.Errorf("the far side has left %d MiB unread", goneLimit>>20)

func (o *outbox) add(f frame) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.over:
		return net.ErrClosed
	case f.key != "" && o.size > latestLimit && o.replace(f):
		return nil
	case f.optional && o.size > lagLimit:
		return ErrLagging
	case o.size > goneLimit:
		return errGone
	}
	if len(o.frames) == 0 && !o.writing {
		o.idle = make(chan struct{})
	}
	o.frames = append(o.frames, f)
	o.size += len(f.content)
	o.poke()
	return nil
}

// lose ends the connection from this side.
func (o *outbox) lose(err error) {
	if o.close() {
		o.fail(err)
	}
}

// replace puts f in the place of a waiting frame of its key.
func (o *outbox) replace(f frame) bool {
	for i := len(o.frames) - 1; i >= 0; i-- {
		if o.frames[i].key == f.key {
			o.size += len(f.content) - len(o.frames[i].content)
			o.frames[i] = f
			return true
		}
	}
	return false
}

func (o *outbox) poke() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

func (o *outbox) run(w io.Writer) {
	for range o.wake {
		for f, ok := o.next(); ok; f, ok = o.next() {
			if _, err := w.Write(f.content); err != nil {
				o.lose(err)
			}
		}
		if o.isOver() {
			return
		}
	}
}

// next takes the first waiting frame.
func (o *outbox) next() (frame, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.writing = false
	if len(o.frames) == 0 {
		o.rest()
		return frame{}, false
	}
	f := o.frames[0]
	o.frames[0] = frame{}
	o.frames = o.frames[1:]
	o.size -= len(f.content)
	o.writing = true
	return f, true
}

// rest tells those who wait for an empty outbox.
func (o *outbox) rest() {
	select {
	case <-o.idle:
	default:
		close(o.idle)
	}
}

func (o *outbox) isOver() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.over
}

// close drops what waits, and tells whether it was open. A write under way ends
// when the connection is closed under it.
func (o *outbox) close() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.over {
		return false
	}
	o.over, o.frames, o.size = true, nil, 0
	o.rest()
	o.poke()
	return true
}

// flush waits until all is written, or can't be, or ctx ends.
func (o *outbox) flush(ctx context.Context) {
	o.mu.Lock()
	idle := o.idle
	o.mu.Unlock()
	select {
	case <-idle:
	case <-ctx.Done():
	}
}

// finish is a bounded flush, for last words.
func (o *outbox) finish() {
	ctx, cancel := context.WithTimeout(context.Background(), finishTimeout)
	defer cancel()
	o.flush(ctx)
}
