package faults

import (
	"time"

	"github.com/kubetunnel/kubetunnel/protocol"
)

// What happens to the network between workstation and cluster, and to the API server in it.
func networkRows() []*row {
	return []*row{
		{name: "network cut for 3 s", play: func(s *stage) { cutFor(s, 3*time.Second) }},
		{name: "network cut for 60 s", play: func(s *stage) { cutFor(s, time.Minute) }, long: true, recovers: true, lease: 300, calls: 5 * time.Minute, last: 10 * time.Minute},
		{name: "network cut while a call is held", play: heldThroughCut, recovers: true, lease: 300, calls: 5 * time.Minute, last: 10 * time.Minute},
		{name: "network loses packets", play: func(s *stage) { spoilt(s, "lose", "10") }},
		// Less than calls need to be quick.
		{name: "network slow", play: func(s *stage) { spoilt(s, "slow", "1000") }},
		{name: "network cut for good", play: cutForGood, lease: protocol.MinLeaseSeconds, recovers: true},
		{name: "API server restarted", play: restartAPI},
	}
}

// cutFor cuts the network while the program serves; the session goes on afterwards.
func cutFor(s *stage, d time.Duration) {
	s.live("cut", app)
	s.mark(noExcuse)
	s.healed()
	s.fault("net", "cut")
	s.pause(d)
	s.fault("net", "heal")
	// A short cut may go unnoticed, a long one may not.
	if s.row.recovers {
		s.waitState("cut", protocol.StateReconnecting)
		s.waitState("cut", protocol.StateLive)
	}
	s.waitServed(app, false)
	s.stop("cut")
}

// heldThroughCut cuts the network while a call stands at a breakpoint. The debugger does
// not notice, and the call is answered over the next connection.
func heldThroughCut(s *stage) {
	_, line := s.source()
	d := s.debug("held", line)
	s.mark(noExcuse)
	thread := s.held(d)
	s.healed()
	s.fault("net", "cut")
	s.waitState("held", protocol.StateReconnecting)
	s.pause(of(time.Second, time.Minute))
	s.fault("net", "heal")
	s.waitState("held", protocol.StateLive)
	s.goOn(d, thread)
	s.waitServed(app, false)
	s.stopDebugger("held")
}

// spoilt is a network that goes on, badly, for as long as the session lasts.
func spoilt(s *stage, how ...string) {
	s.live("spoilt", app)
	s.mark(noExcuse)
	s.healed()
	s.fault(append([]string{"net"}, how...)...)
	s.pause(of(5*time.Second, time.Minute))
	s.waitServed(app, false)
	s.stop("spoilt")
	s.fault("net", "heal")
}

// cutForGood kills the server while it is cut off: the cluster never hears of it again.
func cutForGood(s *stage) {
	s.live("lost", app)
	s.mark(pinned)
	s.healed()
	s.fault("net", "cut")
	s.done()
	s.waitState("lost", protocol.StateReconnecting)
	s.must(s.editor.Process().Kill())
	s.pause(2 * protocol.MinLeaseSeconds * time.Second)
	s.fault("net", "heal") // for the test's own sake
	s.waitRestored(app)
	s.waitServed(app, true)
}

func restartAPI(s *stage) {
	s.live("api", app)
	s.mark(noExcuse)
	s.fault("restart", "apiserver")
	s.waitState("api", protocol.StateReconnecting)
	s.waitState("api", protocol.StateLive)
	s.waitServed(app, false)
	s.stop("api")
}
