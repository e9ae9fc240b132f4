package tunnel

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// chunkBuffers hold a chunk, and an answer before it.
var chunkBuffers = sync.Pool{New: func() any { return new([chunkHeaderSize + maxChunk]byte) }}

type chunkBuffer = *[chunkHeaderSize + maxChunk]byte

// stallTime is how long a Write waits for the far side's window before it looks
// whether that has closed the stream.
const stallTime = time.Second

// Write sends bytes; it waits for the far side's window, and for room.
func (t *typed) Write(b []byte) (int, error) {
	t.write.Lock()
	defer t.write.Unlock()
	buf, ok := chunkBuffers.Get().(chunkBuffer)
	if !ok {
		return 0, errNoBuffer
	}
	defer chunkBuffers.Put(buf)
	written := 0
	for len(b) > 0 {
		if err := t.mayWrite(); err != nil {
			return written, err
		}
		answer := t.takePending()
		n := min(len(b), maxChunk-len(answer), fullChunk)
		chunk := appendChunkHeader(append(buf[:0], answer...), chunkData, n)
		if err := t.send(append(chunk, b[:n]...)); err != nil {
			return written, err
		}
		b, written = b[n:], written+n
	}
	return written, nil
}

// ReadFrom sends what r gives until its end. Data that r gives at once leaves at once.
func (t *typed) ReadFrom(r io.Reader) (total int64, err error) {
	buf, ok := chunkBuffers.Get().(chunkBuffer)
	if !ok {
		return 0, errNoBuffer
	}
	defer chunkBuffers.Put(buf)
	for {
		n, err := r.Read(buf[chunkHeaderSize : chunkHeaderSize+fullChunk])
		if n > 0 {
			if werr := t.sendInPlace(buf, n); werr != nil {
				return total, werr
			}
			total += int64(n)
		}
		if errors.Is(err, io.EOF) {
			return total, nil
		}
		if err != nil {
			return total, err
		}
	}
}

// sendInPlace sends n bytes that lie in buf behind the room for their header.
func (t *typed) sendInPlace(buf chunkBuffer, n int) error {
	if t.owes.Load() {
		_, err := t.Write(buf[chunkHeaderSize : chunkHeaderSize+n])
		return err
	}
	t.write.Lock()
	defer t.write.Unlock()
	if err := t.mayWrite(); err != nil {
		return err
	}
	appendChunkHeader(buf[:0], chunkData, n)
	return t.send(buf[:chunkHeaderSize+n])
}

var errNoBuffer = errors.New("stream: no buffer")

// mayWrite waits until the pipe has room for data; the write lock is held.
func (t *typed) mayWrite() error {
	if t.write.ended {
		if cut := t.cut.Load(); cut != nil {
			return *cut
		}
		return net.ErrClosed
	}
	if isClosed(t.gone) {
		return net.ErrClosed
	}
	if t.writeDeadline.expired() {
		return os.ErrDeadlineExceeded
	}
	roomy := t.session.pipe.roomy()
	if isClosed(roomy) {
		return nil
	}
	select {
	case <-roomy:
		return nil
	case <-t.session.pipe.done:
		return t.session.Err()
	case <-t.gone:
		return net.ErrClosed
	case <-t.writeDeadline.wait():
		return os.ErrDeadlineExceeded
	}
}

// send writes whole chunks; the write lock is held.
func (t *typed) send(chunks []byte) error {
	if t.write.stall == nil {
		t.write.stall = time.AfterFunc(stallTime, t.lookForEnd)
	} else {
		t.write.stall.Reset(stallTime)
	}
	n, err := t.mux.Write(chunks)
	t.write.stall.Stop()
	t.owes.Store(t.write.pending != nil)
	if err == nil {
		return nil
	}
	if n > 0 || t.cut.Load() != nil {
		// Half a chunk is out: the stream can't go on.
		t.write.ended = true
	}
	return t.explain(err)
}

// CloseWrite ends the sending direction.
func (t *typed) CloseWrite() error {
	t.write.Lock()
	defer t.write.Unlock()
	if t.write.ended {
		return nil
	}
	t.write.ended = true
	return t.send(appendChunkHeader(t.takePending(), chunkEnd, 0))
}
