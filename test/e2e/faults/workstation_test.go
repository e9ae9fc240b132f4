package faults

import (
	"fmt"
	"syscall"
	"time"

	"github.com/kubetunnel/kubetunnel/protocol"
)

// of is a quantity in the quick form, and in the soak.
func of[T any](quick, long T) T {
	if soak {
		return long
	}
	return quick
}

// What happens to the workstation: the session's own life, and the deaths of its programs.
func workstationRows() []*row {
	return []*row{
		{name: "start and stop in a row", last: 20 * time.Minute, play: startAndStop},
		{name: "restart, with a slow rebuild", play: restartSlowly, recovers: true},
		{name: "debuggee crash loop", play: crashLoop, recovers: true, last: of(0, 15*time.Minute)},
		{name: "kill -9 of tunnel-server", play: killServer, lease: protocol.MinLeaseSeconds, recovers: true},
		{name: "kill -9, then F5 at once", play: killAndStartAgain},
		{name: "editor gone", play: closeEditor, recovers: true},
		{name: "asleep for less than the lease", play: sleepShort, recovers: true},
		{name: "asleep for longer than the lease", play: sleepLong, lease: of(protocol.MinLeaseSeconds, 60), last: 5 * time.Minute, recovers: true},
	}
}

func startAndStop(s *stage) {
	for i := range of(3, 50) {
		id := fmt.Sprint("session-", i)
		s.live(id, app)
		s.mark(noExcuse)
		if ended := s.stop(id); ended.Receipt == nil || !ended.Receipt.Restored {
			s.t.Errorf("receipt %+v", ended.Receipt)
		}
		s.waitServed(app, true)
	}
}

// restartSlowly restarts a program that takes a while until it listens again.
func restartSlowly(s *stage) {
	build := of(2*time.Second, 10*time.Second)
	s.live("slow", app, append([]string{"sh", "-c", fmt.Sprintf(`sleep %d; exec "$@"`, int(build.Seconds())), "sh"}, program()...)...)
	s.mark(noExcuse)
	_, err := s.editor.Server.RestartSession(s.ctx, &protocol.SessionParams{ID: "slow"})
	s.must(err)
	s.waitServed(app, true)
	s.waitServed(app, false)
	s.seen(s.editor)
	s.stop("slow")
}

// crashLoop runs a program that dies twice a second, and is started again.
func crashLoop(s *stage) {
	s.mark(dying)
	s.live("crash", app, append([]string{"sh", "-c", `while :; do "$@" -life 500ms; sleep 0.2; done`, "sh"}, program()...)...)
	for range of(5, 50) {
		s.waitServed(app, true)
		s.waitServed(app, false)
	}
	s.stop("crash")
}

func killServer(s *stage) {
	s.live("killed", app)
	s.mark(pinned)
	s.must(s.editor.Process().Kill())
	s.done()
	s.waitRestored(app)
	s.restored = time.Since(s.marked)
	s.waitServed(app, true)
}

// killAndStartAgain is an editor that restarts its server, and whose user presses F5 again.
func killAndStartAgain(s *stage) {
	s.live("killed", app)
	s.mark(pinned)
	s.must(s.editor.Process().Kill())
	<-s.editor.Exited()
	s.done()
	s.editor = s.open()
	s.live("again", app)
	s.stop("again")
}

// closeEditor closes the editor's end of the pipes, as its death does.
func closeEditor(s *stage) {
	s.live("gone", app)
	s.mark(noExcuse)
	_ = s.editor.Close()
	<-s.editor.Exited()
	s.waitServed(app, true)
}

func (s *stage) signal(sig syscall.Signal) {
	s.t.Helper()
	s.must(s.editor.Process().Signal(sig))
}

func sleepShort(s *stage) {
	s.live("short", app)
	s.mark(noExcuse)
	s.signal(syscall.SIGSTOP)
	s.t.Cleanup(func() { _ = s.editor.Process().Signal(syscall.SIGCONT) })
	s.waitServed(app, true)
	s.signal(syscall.SIGCONT)
	s.waitServed(app, false)
	s.stop("short")
}

// sleepLong sleeps until the lease is over, so the session has ended when the server wakes up.
func sleepLong(s *stage) {
	s.live("long", app)
	s.mark(pinned)
	s.signal(syscall.SIGSTOP)
	s.done()
	s.t.Cleanup(func() { _ = s.editor.Process().Signal(syscall.SIGCONT) })
	s.waitIntercepts(0)
	s.waitServed(app, true)
	s.signal(syscall.SIGCONT)
	info := s.waitState("long", protocol.StateFailed)
	if info.Error == nil || info.Error.Code != protocol.CodeInterceptGone && info.Error.Code != protocol.CodeTunnelLost {
		s.t.Errorf("the session ended by %+v", info.Error)
	}
}
