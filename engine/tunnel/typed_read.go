package tunnel

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// Read reads the far side's bytes, after its answer if there is one.
func (t *typed) Read(b []byte) (int, error) {
	t.read.Lock()
	defer t.read.Unlock()
	if t.opener && !t.read.answer {
		t.readAnswer()
		if !t.read.answer {
			return 0, os.ErrDeadlineExceeded
		}
	}
	if len(b) == 0 {
		return 0, nil
	}
	for t.read.left == 0 {
		if t.read.err != nil {
			return 0, t.read.err
		}
		if err := t.nextChunk(); err != nil {
			return 0, err
		}
	}
	if t.read.err != nil {
		return 0, t.read.err
	}
	n, err := t.read.r.Read(b[:min(len(b), t.read.left)])
	t.read.left -= n
	if err != nil {
		err = t.failReading(err)
	}
	return n, err
}

func (t *typed) nextChunk() error {
	kind, length, err := peekChunk(t.read.r)
	if err != nil {
		return t.failReading(err)
	}
	if _, err := t.read.r.Discard(chunkHeaderSize); err != nil {
		return t.failReading(err)
	}
	switch kind {
	case chunkData:
		t.read.left = length
		return nil
	case chunkEnd:
		t.read.err = io.EOF
		return io.EOF
	}
	return t.failReading(fmt.Errorf("stream: chunk of kind %d among data", kind))
}

// failReading explains an error and keeps it, if it is not a deadline.
func (t *typed) failReading(err error) error {
	err = t.explain(err)
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.read.err = err
	}
	return err
}

// awaitClose waits until the far side has closed the stream: after its chunkEnd
// nothing else can come. While it has not, it still takes what is sent.
func (t *typed) awaitClose() {
	t.read.Lock()
	defer t.read.Unlock()
	_, _ = t.read.r.Peek(1)
}

// lookForEnd lets a Write go that has waited for long if the far side has closed
// the stream, when nobody reads who would find out.
func (t *typed) lookForEnd() {
	if !t.read.TryLock() {
		return
	}
	defer t.read.Unlock()
	if t.opener && !t.read.answer {
		t.readAnswer()
	}
	var err error
	switch {
	case t.read.err == nil && t.read.left > 0:
		_, err = t.read.r.Peek(1)
	case t.read.err == nil:
		var kind chunkKind
		if kind, _, err = peekChunk(t.read.r); err == nil && kind == chunkEnd {
			_, err = t.read.r.Peek(chunkHeaderSize + 1)
		}
	case errors.Is(t.read.err, io.EOF):
		_, err = t.read.r.Peek(1)
	default:
		err = t.read.err
	}
	if err = t.explain(err); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		return
	}
	t.cut.CompareAndSwap(nil, &err)
	_ = t.mux.SetWriteDeadline(past)
}
