package tunnel

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// answered is what an opener knows of the far side's answer.
type answered struct {
	known chan struct{} // closed when err is set
	err   error

	mu     sync.Mutex
	reader chan struct{} // closed when the goroutine that reads the answer has ended
}

// Accepted waits for the far side's answer.
func (t *typed) Accepted(ctx context.Context) error {
	if !t.opener {
		return nil
	}
	for {
		select {
		case <-t.answer.known:
			return t.answer.err
		default:
		}
		reader := t.readAnswerApart()
		select {
		case <-t.answer.known:
		case <-ctx.Done():
			return ctx.Err()
		case <-reader:
			if !isClosed(t.answer.known) {
				return os.ErrDeadlineExceeded
			}
		}
	}
}

// readAnswerApart reads the answer in a goroutine, which ends with the answer, a
// read deadline or the stream. There is one at a time.
func (t *typed) readAnswerApart() <-chan struct{} {
	t.answer.mu.Lock()
	defer t.answer.mu.Unlock()
	if t.answer.reader == nil || isClosed(t.answer.reader) {
		done := make(chan struct{})
		t.answer.reader = done
		go func() {
			defer close(done)
			t.read.Lock()
			defer t.read.Unlock()
			t.readAnswer()
		}()
	}
	return t.answer.reader
}

// readAnswer reads the answer, once; the read lock is held. A deadline leaves
// what came of it for the next time.
func (t *typed) readAnswer() {
	if t.read.answer {
		return
	}
	var a answer
	err := t.explain(readMessage(t.read.r, &t.read.message, chunkAnswer, &a))
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return
	}
	t.read.answer = true
	t.read.message = nil
	switch {
	case err != nil:
		t.answer.err = err
	case a.Refused != "":
		t.answer.err = &RefusedError{Code: a.Refused, Message: a.Message}
	}
	if t.answer.err != nil {
		t.read.err = t.answer.err
	}
	close(t.answer.known)
}

// answerDelay is how long an answer that nobody waits for may wait for the
// stream's first data, to leave together with it.
const answerDelay = time.Millisecond

// Accept tells the far side that the stream is taken.
func (t *typed) Accept() error {
	b, err := message(chunkAnswer, answer{})
	if err != nil {
		return err
	}
	t.write.Lock()
	defer t.write.Unlock()
	if err := t.beginAnswer(); err != nil {
		return err
	}
	if t.header.Kind == KindTCP && t.header.Target == "" && !t.header.Requests {
		// The agent sends its caller's bytes without waiting for this.
		t.write.pending = b
		t.owes.Store(true)
		t.write.flush = time.AfterFunc(answerDelay, t.flushAnswer)
		return nil
	}
	_, err = t.mux.Write(b)
	return t.explain(err)
}

func (t *typed) beginAnswer() error {
	if t.opener || t.write.answered {
		return errors.New("stream: it was answered before, or is ours")
	}
	t.write.answered = true
	if err := t.session.Err(); err != nil {
		return err
	}
	return nil
}

// flushAnswer sends an answer that waits.
func (t *typed) flushAnswer() {
	t.write.Lock()
	defer t.write.Unlock()
	if b := t.takePending(); len(b) > 0 {
		_, _ = t.mux.Write(b) // its failure is the stream's, and seen there
		t.owes.Store(false)
	}
}

// takePending gives the answer that is still to be sent; the write lock is held.
// owes is unset when it has been.
func (t *typed) takePending() []byte {
	b := t.write.pending
	if b != nil {
		t.write.pending = nil
		t.write.flush.Stop()
	}
	return b
}

// Refuse tells the far side why the stream is not taken, and closes it.
func (t *typed) Refuse(code RefuseCode, text string) error {
	b, err := message(chunkAnswer, answer{Refused: code, Message: clip(text)})
	if err == nil {
		t.write.Lock()
		if err = t.beginAnswer(); err == nil {
			_, err = t.mux.Write(b)
			err = t.explain(err)
		}
		t.write.Unlock()
	}
	return errors.Join(err, t.Close())
}

// message makes a chunk of JSON.
func message(kind chunkKind, content any) ([]byte, error) {
	payload, err := json.Marshal(content)
	if err != nil {
		return nil, fmt.Errorf("stream: %w", err)
	}
	if len(payload) > maxMessage {
		return nil, fmt.Errorf("stream: message of %d bytes, %d at most", len(payload), maxMessage)
	}
	return append(appendChunkHeader(make([]byte, 0, chunkHeaderSize+len(payload)), kind, len(payload)), payload...), nil
}
