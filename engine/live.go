package engine

import (
	"context"
	"sync"

	"github.com/kubetunnel/kubetunnel/protocol"
)

// live is the session from the tunnel's attachment to its end: it returns nil
// when the session is to end, or the error that ended it.
func (s *Session) live(ctx context.Context) error {
	inner, cancel := context.WithCancel(ctx)
	var group sync.WaitGroup
	// What serves must be at rest before the steps are undone.
	defer group.Wait()
	defer cancel()
	s.mu.Lock()
	s.wasReady = true
	s.mu.Unlock()
	s.stageBegan(protocol.StageListen)
	s.judge()
	group.Go(func() { s.serving.run(inner) })
	for _, exposed := range s.Info().Exposed {
		group.Go(func() { s.watchExposed(inner, exposed.Port) })
	}
	return s.wait(ctx)
}

// watchExposed tells whether the program's debug server listens, so that nobody has to
// try: a connection that says nothing makes some of them give up.
func (s *Session) watchExposed(ctx context.Context, port int) {
	for state := range s.sandbox.Listening(ctx, port) {
		s.change(func(i *protocol.SessionInfo) {
			exposed := append([]protocol.ExposedPort(nil), i.Exposed...) // former snapshots keep theirs
			for n := range exposed {
				if exposed[n].Port == port {
					exposed[n].Listening = state.Ours
				}
			}
			i.Exposed = exposed
		})
	}
}

// wait follows the Intercept until something ends the session.
func (s *Session) wait(ctx context.Context) error {
	for {
		status, changed := s.intercept.Status()
		if status.Gone {
			return protocol.Errorf(protocol.CodeInterceptGone, "Intercept %s is gone: somebody deleted it, or its lease ended while this workstation was away. The Service is the origin's again", s.intercept.Name()).
				On("Intercept", s.survey.Target().Namespace, s.intercept.Name())
		}
		if status.Refused {
			return protocol.Errorf(protocol.CodeInterceptRefused, "the operator has ended the intercept: %s", status.Message).
				On("Intercept", s.survey.Target().Namespace, s.intercept.Name())
		}
		s.judge()
		select {
		case <-ctx.Done():
			return s.stopCause
		case <-s.debugger.Done():
			reason, code, err := s.debugger.Result()
			s.change(func(i *protocol.SessionInfo) { i.ExitCode = code })
			s.Stop(reason, err)
			return err
		case <-s.link.Lost():
			return protocol.Errorf(protocol.CodeTunnelLost, "the tunnel to the agent is lost: %w", s.link.LostError())
		case <-changed:
		}
	}
}

// attachedChanged is called by the link.
func (s *Session) attachedChanged(attached bool) {
	s.mu.Lock()
	s.attached = attached
	intercept, former := s.intercept, s.info.Carrier
	s.mu.Unlock()
	if attached && intercept != nil && intercept.Carrier() != former {
		s.change(func(i *protocol.SessionInfo) { i.Carrier = intercept.Carrier() })
	}
	s.serving.poke()
	s.judge()
}

// judge derives the state from what is known, and tells it when it is another.
func (s *Session) judge() {
	s.mu.Lock()
	intercept, ready, attached := s.intercept, s.wasReady, s.attached
	s.mu.Unlock()
	if !ready || intercept == nil {
		return
	}
	status, _ := intercept.Status()
	active := s.serving.active()
	if active {
		s.stageOnce(protocol.StageListen, protocol.StageSwitch)
	}
	state, reason := verdict(attached, active, status)
	if state == protocol.StateLive {
		s.stageOnce(protocol.StageSwitch, "")
	}
	s.mu.Lock()
	same := s.info.State == state && s.info.Reason == reason
	over := s.info.State == protocol.StateStopping || s.info.State == protocol.StateEnded || s.info.State == protocol.StateFailed
	s.mu.Unlock()
	if !same && !over {
		s.change(func(i *protocol.SessionInfo) { i.State, i.Reason = state, reason })
	}
}

func verdict(attached, serving bool, status InterceptStatus) (protocol.State, string) {
	switch {
	case !attached:
		return protocol.StateReconnecting, "the tunnel is cut; the origin serves until it is back"
	case status.Contested:
		return protocol.StateWaiting, "contested: " + status.Message
	case status.Live && serving:
		return protocol.StateLive, "new connections reach this workstation; callers with open connections still reach the origin"
	case status.Live:
		return protocol.StateWaiting, "nobody listens on the workstation; the origin serves"
	case serving:
		return protocol.StateReady, "the Service is being switched"
	}
	return protocol.StateReady, "waiting for the program to listen; the origin serves"
}

// stageOnce ends one stage and begins another, the first time.
func (s *Session) stageOnce(end, begin protocol.Stage) {
	s.mu.Lock()
	open, begun := false, begin == ""
	for _, st := range s.info.Stages {
		open = open || st.Stage == end && st.EndedMillis == 0
		begun = begun || st.Stage == begin
	}
	s.mu.Unlock()
	if open {
		s.stageEnded(end)
	}
	if open && !begun {
		s.stageBegan(begin)
	}
}

func (s *Session) warn(text string) {
	s.change(func(i *protocol.SessionInfo) { i.Warnings = append(i.Warnings, text) })
	s.watcher.SessionOutput(s.params.ID, "console", text+"\n")
}
