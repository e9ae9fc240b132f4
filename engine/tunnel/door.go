package tunnel

import (
	"io"
	"sync"
)

// Door holds the connections that have not shown a key yet: a bounded number,
// since anyone in the cluster may knock. At a full door the one that has waited
// longest is sent away, so that a crowd that holds its places by saying nothing
// does not keep out who does show a key, which takes milliseconds.
//
// It has no goroutine. The zero value lets nobody wait: use NewDoor.
type Door struct {
	limit int

	mu      sync.Mutex
	waiting []io.Closer // in the order in which they came
}

// NewDoor makes a door at which limit connections may wait.
func NewDoor(limit int) *Door { return &Door{limit: limit} }

// Enter lets a connection wait, at the cost of the oldest if need be, until Leave.
func (d *Door) Enter(conn io.Closer) {
	d.mu.Lock()
	d.waiting = append(d.waiting, conn)
	var oldest io.Closer
	if len(d.waiting) > d.limit {
		oldest = d.waiting[0]
		d.remove(0)
	}
	d.mu.Unlock()
	if oldest != nil {
		_ = oldest.Close()
	}
}

// Leave says that a connection waits no longer: it has shown a key, or is closed.
// It may be called twice.
func (d *Door) Leave(conn io.Closer) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i, c := range d.waiting {
		if c == conn {
			d.remove(i)
			return
		}
	}
}

func (d *Door) remove(i int) {
	copy(d.waiting[i:], d.waiting[i+1:])
	d.waiting[len(d.waiting)-1] = nil
	d.waiting = d.waiting[:len(d.waiting)-1]
}

// Waiting tells how many connections wait.
func (d *Door) Waiting() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.waiting)
}
