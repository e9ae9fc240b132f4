package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/google/go-dap"
)

// wantTotal is what three items cost, by prices in the cluster.
const wantTotal = "1055"

// breakAndLook lets the cluster call until the breakpoint is hit, looks around,
// goes on, and waits for the answer.
func (p *play) breakAndLook(ctx context.Context) error {
	p.show.title("A client in the cluster calls web")
	ended := make(chan struct{})
	roundsCtx, end := context.WithCancel(ctx)
	go func() {
		defer close(ended)
		p.calls.rounds(roundsCtx, ctx)
	}()
	stopped, err := p.debugger.WaitStopped(ctx)
	end()
	<-ended
	if err != nil {
		return err
	}
	p.show.done("stopped at the %s, in the answer to a call that came through the cluster", stopped.Body.Reason)
	if err := p.look(ctx, stopped.Body.ThreadId); err != nil {
		return err
	}
	if err := p.debugger.SetBreakpoints(ctx, p.source); err != nil {
		return err
	}
	if err := p.debugger.Continue(ctx, stopped.Body.ThreadId); err != nil {
		return err
	}
	if err := p.goOn(ctx); err != nil {
		return err
	}
	return p.tellAnswers()
}

func (p *play) look(ctx context.Context, thread int) error {
	frames, err := p.debugger.Stack(ctx, thread)
	if err != nil {
		return err
	}
	if len(frames) == 0 || frames[0].Line != p.line || frames[0].Source == nil || frames[0].Source.Path != p.source {
		return fmt.Errorf("stopped elsewhere: %+v", frames)
	}
	p.show.text("stack:")
	for _, f := range frames[:min(4, len(frames))] {
		p.show.block(describeFrame(f))
	}
	locals, err := p.debugger.Locals(ctx, frames[0].Id)
	if err != nil {
		return err
	}
	p.show.text("variables:")
	for _, v := range locals {
		p.show.block(fmt.Sprintf("%s = %s", v.Name, short(v.Value)))
	}
	total, err := p.debugger.Evaluate(ctx, frames[0].Id, "cart.Total")
	if err != nil {
		return err
	}
	if total != wantTotal {
		return fmt.Errorf("cart.Total is %s, want %s", total, wantTotal)
	}
	p.show.done("cart.Total is %s: the debuggee asked http://prices, a name that only the cluster knows", total)
	return nil
}

func describeFrame(f dap.StackFrame) string {
	if f.Source == nil {
		return f.Name
	}
	return fmt.Sprintf("%s  %s:%d", f.Name, filepath.Base(f.Source.Path), f.Line)
}

func short(text string) string {
	const most = 110
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return text
}

// goOn waits until all calls are answered. Some may have come to the breakpoint
// together with the first: each of them stops once more.
func (p *play) goOn(ctx context.Context) error {
	stops, cancel := context.WithCancel(ctx)
	defer cancel()
	stopErr := make(chan error, 1)
	go func() {
		for {
			stopped, err := p.debugger.WaitStopped(stops)
			if err == nil {
				err = p.debugger.Continue(stops, stopped.Body.ThreadId)
			}
			if err != nil {
				stopErr <- err
				return
			}
		}
	}()
	p.calls.wait()
	cancel()
	if err := <-stopErr; !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// tellAnswers tells what the workstation has answered, and how many calls it never saw.
func (p *play) tellAnswers() error {
	if err := p.calls.failed(); err != nil {
		return err
	}
	here, origin := p.calls.numbers()
	if here == 0 {
		return fmt.Errorf("none of %d calls was answered here", origin)
	}
	a := p.calls.here[0]
	p.show.done("continued, and the answer came from this workstation, %s, by way of pod %s", a.Cart.ServedBy, a.ServedBy)
	for _, t := range told {
		value := a.Cart.Settings[t.setting]
		if value != t.want {
			return fmt.Errorf("%s, from %s, is %q, in the pod it is %q", t.setting, t.from, value, t.want)
		}
		p.show.block(line(t.from, value))
	}
	p.show.text(fmt.Sprintf("%d calls were answered here, %d by the origin: web has connections to cart's pod from before F5,", here, origin))
	p.show.text("and a connection stays where it was made until it closes. Only new ones come here; web makes them")
	p.show.text(fmt.Sprintf("when it is asked more at once, so the client made %d calls at a time.", atOnce))
	return nil
}
