package debug

import (
	"context"
	"sync"
	"time"
)

// What an adapter says at the end of a program reaches the editor last: after all that the
// program has written, and, where that is waited for, after the session's end.

// adapterSays takes one message of the adapter.
func (p *proxy) adapterSays(m *message) {
	switch {
	case p.isGoodbye(m):
		p.sayGoodbye(func() { p.fromAdapter(m) })
	case p.over != nil && m.kind == "event" && (m.event == "exited" || len(p.withheld) > 0):
		// The adapter has more to say, which the session's end would cut off.
		if len(p.withheld) == 0 {
			p.farewell = time.After(drainTime)
		}
		p.withheld = append(p.withheld, m)
	default:
		p.fromAdapter(m)
	}
}

// isGoodbye: the adapter tells that the program, or the debug session, has ended.
func (p *proxy) isGoodbye(m *message) bool {
	switch {
	case m.kind == "response":
		return p.asked.command(m.requestSeq) == "disconnect"
	case m.kind == "event" && m.event == "exited":
		return p.over == nil
	default:
		return m.kind == "event" && m.event == "terminated"
	}
}

// sayGoodbye goes on with then when all is over. Until then the adapter is not listened to.
func (p *proxy) sayGoodbye(then func()) {
	in := p.adapterIn
	p.adapterIn, p.farewell = nil, nil
	p.afterOutput(func() {
		p.afterSession(func() {
			p.adapterIn = in
			withheld := p.withheld
			p.withheld = nil
			for _, m := range withheld {
				p.fromAdapter(m)
			}
			then()
		})
	})
}

// afterSession goes on with then when the session has ended, or at once where others see to that.
func (p *proxy) afterSession(then func()) {
	if p.over == nil {
		then()
		return
	}
	go func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(p.ctx), sessionEndTime)
		defer cancel()
		p.over(ctx)
		p.post(then)
	}()
}

// afterOutput goes on with then when the output so far has been shown: a program's last
// words come before the news of its end.
func (p *proxy) afterOutput(then func()) {
	if len(p.adapter.captures) == 0 {
		then() // its output comes with its messages
		return
	}
	var once sync.Once
	goOn := func() { once.Do(func() { p.post(then) }) }
	timer := time.AfterFunc(drainTime, goOn)
	p.adapter.drained(func() {
		timer.Stop()
		goOn()
	})
}
