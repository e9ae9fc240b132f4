package server

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/kubetunnel/kubetunnel/protocol"
	"github.com/kubetunnel/kubetunnel/protocol/gen"
)

// phase of a conversation.
type phase int

const (
	phaseNew phase = iota
	phaseInitializing
	phaseOpen
	phaseShutdown
)

// admit keeps the order of a conversation, in the order in which messages arrive.
func (s *server) admit(method string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case method == gen.MethodExit:
	case s.phase == phaseNew && method == gen.MethodInitialize:
		s.phase = phaseInitializing
	case s.phase == phaseNew || s.phase == phaseInitializing && method != gen.MethodInitialize:
		return protocol.Errorf(protocol.CodeServerNotInitialized, "%s came before the answer to initialize", method)
	case method == gen.MethodInitialize:
		return protocol.Errorf(protocol.CodeInvalidRequest, "initialize came twice")
	case s.phase == phaseShutdown:
		return protocol.Errorf(protocol.CodeInvalidRequest, "%s came after shutdown", method)
	case method == gen.MethodShutdown:
		s.phase = phaseShutdown
	}
	return nil
}

// Initialize opens the conversation. After a refusal the editor may try again.
func (s *server) Initialize(_ context.Context, p *protocol.InitializeParams) (*protocol.InitializeResult, error) {
	next := phaseNew
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.phase = next
	}()
	if err := checkVersion(p.ProtocolVersion); err != nil {
		return nil, err
	}
	backend, err := s.opts.NewBackend(p.Kubeconfig)
	if err != nil {
		return nil, err
	}
	if !s.keep(backend) {
		ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
		defer cancel()
		return nil, backend.Close(ctx)
	}
	next = phaseOpen
	if p.ProcessID > 0 {
		go s.watchEditor(p.ProcessID)
	}
	capabilities := backend.Capabilities()
	capabilities.Adapters = list(capabilities.Adapters)
	return &protocol.InitializeResult{
		ProtocolVersion: protocol.Version,
		ServerInfo:      protocol.ClientInfo{Name: "tunnel-server", Version: s.opts.Version},
		Capabilities:    capabilities,
	}, nil
}

// keep makes a backend the server's; false when the editor has gone meanwhile.
func (s *server) keep(backend Backend) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return false
	}
	s.backend = backend
	return true
}

// checkVersion refuses an editor of another major version, and says which side to update.
func checkVersion(theirs string) error {
	major, _, _ := strings.Cut(theirs, ".")
	ours, _, _ := strings.Cut(protocol.Version, ".")
	if major == ours {
		return nil
	}
	fix := protocol.Fix{Title: "Update the editor's KubeTunnel extension"}
	their, err := strconv.Atoi(major)
	our, ourErr := strconv.Atoi(ours)
	if err == nil && ourErr == nil && their > our {
		fix.Title = "Update tunnel-server"
	}
	return protocol.Errorf(protocol.CodeInvalidParams,
		"the editor's extension speaks version %q of the protocol, this tunnel-server version %s: they don't understand each other",
		theirs, protocol.Version).WithFix(fix)
}

// watchEditor ends the conversation when the editor's process has gone: a pipe
// that a child of the editor has inherited would keep standing.
func (s *server) watchEditor(pid int) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-s.conn.Done():
			return
		case <-tick.C:
			if !s.opts.alive(pid) {
				s.opts.Log.Info("the editor's process has gone", "pid", pid)
				s.endConversation()
				return
			}
		}
	}
}

func (s *server) endConversation() { s.exitOnce.Do(func() { close(s.exit) }) }

// Initialized needs no answer and changes nothing.
func (s *server) Initialized(context.Context, *protocol.Empty) error { return nil }

// Shutdown ends all sessions. An editor that cancels it, or goes, does not stop it.
func (s *server) Shutdown(ctx context.Context, _ *protocol.Empty) (*protocol.Empty, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	return &protocol.Empty{}, s.backend.Close(ctx)
}

// Exit ends the conversation.
func (s *server) Exit(context.Context, *protocol.Empty) error {
	s.endConversation()
	return nil
}
