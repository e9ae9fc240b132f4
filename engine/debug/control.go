package debug

import (
	"context"
	"errors"
	"fmt"

	"github.com/kubetunnel/kubetunnel/protocol"
)

// What the session asks of a proxy, from other goroutines.

// terminate ends the debuggee in an orderly way, and then the connection.
func (p *proxy) terminate(reason string) {
	p.post(func() {
		p.outcome.restart = false
		p.outcome.reason = or(p.outcome.reason, reason)
		ended := protocol.Errorf(protocol.CodeSessionEnded, "the session was stopped: %s", reason)
		ended.Data.ShowUser = false
		p.failLaunch(ended)
		if p.disconnected { // all is said; an adapter that stays is ended
			p.finished = true
			return
		}
		p.disconnectAdapter(false, func() {
			p.tellTerminated(false)
			p.finished = true
		})
	})
}

// abort tells the editor that the session can't be had.
func (p *proxy) abort(err *protocol.Error) {
	p.post(func() {
		if p.terminated {
			return
		}
		p.launchFailed(err)
	})
}

// restart starts the debuggee again: by the adapter, if it can, else the editor is
// told to start anew.
func (p *proxy) restart(ctx context.Context) error {
	result := make(chan error, 1)
	if !p.post(func() { p.restartNow(result) }) {
		return errors.New("the debugger has ended")
	}
	select {
	case err := <-result:
		return err
	case <-p.done:
		return errors.New("the debugger has ended")
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *proxy) restartNow(result chan<- error) {
	if p.adapterGone || p.ending {
		result <- errors.New("the debugger is ending")
		return
	}
	if p.launch != nil || !p.initialized {
		result <- errors.New("the program has not been started yet")
		return
	}
	if !p.capabilities.SupportsRestartRequest || p.noDebug || p.attached {
		p.beforeEnd(func() { p.restartByEditor(result) })
		return
	}
	p.beforeEnd(func() {
		if p.adapterGone {
			result <- errors.New("the debugger has ended")
			return
		}
		p.request("restart", struct{}{}, func(answer *message) {
			if answer == nil || !answer.success {
				p.log.Info("the adapter did not restart the program; the editor is asked to")
				p.restartByEditor(result)
				return
			}
			result <- nil
		})
	})
}

// restartByEditor: a terminated event that asks for a restart is the protocol's way.
func (p *proxy) restartByEditor(result chan<- error) {
	if p.terminated {
		result <- fmt.Errorf("the program has ended")
		return
	}
	p.outcome.restart = true
	p.ending = true
	p.tellTerminated(true)
	p.awaitGoodbye()
	result <- nil
}

// say shows text in the editor's debug console.
func (p *proxy) say(category, text string) {
	p.post(func() { p.output(category, text) })
}
