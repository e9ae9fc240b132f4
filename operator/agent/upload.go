package agent

import (
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"sync"
)

const (
	// keptBody is how much of a request's body may have been read for that it can be made
	// again.
	keptBody = 64 << 10
	// uploadRoom is what is read at once of one, at first: most messages are shorter.
	uploadRoom = 4 << 10
)

var (
	// errUnprocessed is net/http's to give back when it would make a request again.
	errUnprocessed = errors.New("the server has not processed it")
	errSuperseded  = errors.New("it is not sent any more")
)

// upload is the body of a caller's request. It begins anew with each try that
// the request takes, as long as its beginning is kept. A try ends while a read
// of the caller goes on, so that is its own goroutine's: it is started when a try has
// nothing left, and ends with what was read, or with the caller's stream.
type upload struct {
	agent *Agent
	from  io.Reader
	// trailers are net/http's, which fills them when it reads the end, maybe while
	// another try begins; names are of those that were announced.
	trailers http.Header
	names    []string

	mu      sync.Mutex
	changed sync.Cond
	kept    []byte
	gone    int  // bytes before kept
	once    bool // no more tries: what was sent is not kept
	reading bool // which has room
	room    []byte
	err     error // behind kept
	now     *try
}

// try is an upload on its way to one side.
type try struct {
	upload   *upload
	at       int
	closed   bool
	trailers http.Header // filled when the end was read; nil: none were announced
}

func newUpload(a *Agent, r *http.Request) *upload {
	u := &upload{agent: a, from: r.Body, trailers: r.Trailer, names: slices.Collect(maps.Keys(r.Trailer))}
	u.changed.L = &u.mu
	return u
}

// try begins anew, or gives nil when that can't be.
func (u *upload) try() *try {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.gone > 0 {
		return nil
	}
	if u.now != nil {
		u.now.closed = true
	}
	u.now = &try{upload: u}
	if u.trailers != nil {
		u.now.trailers = http.Header{}
	}
	for _, name := range u.names {
		u.now.trailers[name] = nil
	}
	return u.now
}

// last: there will be no other try.
func (u *upload) last() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.once = true
}

// end: nothing more is read.
func (u *upload) end() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.err, u.kept = errSuperseded, nil
	u.now.closed = true
	u.changed.Broadcast()
}

func (t *try) Read(b []byte) (int, error) {
	u := t.upload
	u.mu.Lock()
	defer u.mu.Unlock()
	for {
		pending := u.pending(t)
		switch {
		case t.closed:
			return 0, errSuperseded
		case len(pending) > 0:
			n := copy(b, pending)
			t.at += n
			u.forget(t)
			return n, nil
		case u.err != nil:
			maps.Copy(t.trailers, u.trailers)
			return 0, u.err
		case !u.reading:
			if u.reading = true; u.room == nil {
				u.room = make([]byte, uploadRoom)
			}
			u.agent.group.Go(u.more)
		}
		u.changed.Wait()
	}
}

func (u *upload) pending(t *try) []byte {
	if t.closed {
		return nil
	}
	return u.kept[t.at-u.gone:]
}

// forget drops what was sent when it won't be sent again; the lock is held.
func (u *upload) forget(t *try) {
	u.once = u.once || t.at > keptBody
	if u.once && t.at == u.gone+len(u.kept) {
		u.gone, u.kept = t.at, nil
	}
}

// more reads what the caller sends next. What is not kept for another try needs no
// other room: it is sent before more is read.
func (u *upload) more() {
	n, err := u.from.Read(u.room)
	u.mu.Lock()
	defer u.mu.Unlock()
	u.reading = false
	if u.err == nil {
		if u.err = err; u.gone > 0 {
			u.kept = u.room[:n]
		} else {
			u.kept = append(u.kept, u.room[:n]...)
		}
		if n == len(u.room) && n < bodyRoom {
			u.room = make([]byte, 2*n)
		}
	}
	u.changed.Broadcast()
}

// Close is the transport's, when it sends no more of it.
func (t *try) Close() error {
	t.upload.mu.Lock()
	defer t.upload.mu.Unlock()
	t.closed = true
	t.upload.changed.Broadcast()
	return nil
}
