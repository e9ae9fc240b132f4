package cli

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/kubetunnel/kubetunnel/protocol"
)

// terminal shows a session to a person: its course on standard error, beside what
// the program itself writes.
type terminal struct {
	streams Streams
	began   time.Time

	mu       sync.Mutex
	told     map[protocol.StageTime]bool
	state    protocol.State
	reason   string
	warnings int
	exposed  int
}

func newTerminal(streams Streams) *terminal {
	return &terminal{streams: streams, began: time.Now(), told: map[protocol.StageTime]bool{}}
}

// SessionChanged tells what is new.
func (t *terminal) SessionChanged(info protocol.SessionInfo) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, st := range info.Stages {
		if st.EndedMillis > 0 && !t.told[st] {
			t.told[st] = true
			t.write(fmt.Sprintf("%-12s %s", st.Stage, millis(st.EndedMillis-st.BeganMillis)))
		}
	}
	for ; t.warnings < len(info.Warnings); t.warnings++ {
		t.write("note: " + info.Warnings[t.warnings])
	}
	for ; t.exposed < len(info.Exposed); t.exposed++ {
		p := info.Exposed[t.exposed]
		t.write(fmt.Sprintf("port %d of the program is 127.0.0.1:%d here", p.Port, p.LocalPort))
	}
	if info.State == t.state && info.Reason == t.reason {
		return
	}
	t.state, t.reason = info.State, info.Reason
	// How it failed is told at the end, with what to do.
	if info.Reason != "" && info.Error == nil {
		t.write(fmt.Sprintf("%s: %s", info.State, info.Reason))
	}
}

// millis is a duration as people read it.
func millis(n int64) string {
	if n < 1000 {
		return fmt.Sprintf("%d ms", n)
	}
	return fmt.Sprintf("%.1f s", float64(n)/1000)
}

func (t *terminal) say(text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.write(text)
}

func (t *terminal) write(text string) {
	fmt.Fprintf(t.streams.Err, "[kubetunnel %6.2fs] %s\n", time.Since(t.began).Seconds(), text)
}

// SessionOutput passes on what the program writes.
func (t *terminal) SessionOutput(_, category, text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch category {
	case "stdout":
		_, _ = io.WriteString(t.streams.Out, text)
	case "stderr":
		_, _ = io.WriteString(t.streams.Err, text)
	default:
		_, _ = io.WriteString(t.streams.Err, "[kubetunnel] "+text)
	}
}

// finish prints the receipt, and gives the program's exit code.
func (t *terminal) finish(info protocol.SessionInfo, signalled bool) error {
	if r := info.Receipt; r != nil {
		if r.Restored {
			after := ""
			if r.StopMillis > 0 {
				after = ", " + millis(r.StopMillis) + " after the stop"
			}
			t.say(fmt.Sprintf("the Service is as it was%s; %s with %s here, %d passed on to the origin, %d cut at the end",
				after, count(r.Traffic.Connections, "connection was served", "connections were served"),
				count(r.Traffic.Requests, "request", "requests"), r.Traffic.Origin, r.Cut))
		}
		for _, d := range r.Differences {
			t.say("the Service differs from what it was: " + d)
		}
	}
	switch {
	case info.Error != nil:
		return info.Error
	case info.ExitCode != nil && *info.ExitCode != 0:
		return exitCode(*info.ExitCode)
	case signalled && info.ExitCode == nil:
		return exitCode(interrupted)
	}
	return nil
}

func count(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
