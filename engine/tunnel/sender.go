package tunnel

// write sends what there is: acknowledgements that are due and data, as much as
// fits in one write.
func (t *transport) write() {
	buf := make([]byte, 0, 3*(frameHeaderSize+wordSize)+frameHeaderSize+maxFrame)
	for {
		var last bool
		buf, last = t.gather(buf[:0])
		if len(buf) == 0 {
			t.end()
			return
		}
		if _, err := t.conn.Write(buf); err != nil {
			t.end()
			return
		}
		if last {
			t.hangUp()
			return
		}
	}
}

// hangUp follows a goodbye: who answered one ends the connection, who said it
// first reads on until the far side does.
func (t *transport) hangUp() {
	t.pipe.mu.Lock()
	answered := t.bye
	t.pipe.mu.Unlock()
	if answered {
		t.end()
	}
}

// gather waits until something is to be sent. It returns nothing when the
// transport is over, and last after a goodbye.
func (t *transport) gather(buf []byte) (_ []byte, last bool) {
	p := t.pipe
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		if t.bye || p.hurry {
			return appendFrameHeader(buf, frameBye, 0), true
		}
		if p.current != t || p.err != nil {
			return nil, false
		}
		buf = t.gatherWords(buf)
		if p.out.end() > p.next {
			return t.gatherData(buf), false
		}
		if p.closing {
			return appendFrameHeader(buf, frameBye, 0), true
		}
		if len(buf) > 0 {
			return buf, false
		}
		p.sendable.Wait()
	}
}

// gatherWords adds what comes before data. Acknowledgements ride along with data
// or a heartbeat, and go by themselves only when many bytes wait for one.
func (t *transport) gatherWords(buf []byte) []byte {
	p := t.pipe
	due := p.received - p.acked
	if due >= ackEvery || due > 0 && (t.ping || t.pong || p.out.end() > p.next) {
		buf = appendWord(buf, frameAck, p.received)
		p.acked = p.received
	}
	if t.pong {
		t.pong = false
		buf = appendWord(buf, framePong, t.pongWord)
	}
	if t.ping {
		t.ping = false
		buf = appendWord(buf, framePing, t.clock())
	}
	return buf
}

func (t *transport) gatherData(buf []byte) []byte {
	p := t.pipe
	length := min(int(p.out.end()-p.next), maxFrame) //nolint:gosec // within the replay buffer
	buf = appendFrameHeader(buf, frameData, length)
	buf = p.out.appendFrom(buf, p.next, length)
	p.next += uint64(length) //nolint:gosec // length > 0
	return buf
}
