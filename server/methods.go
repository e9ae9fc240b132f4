package server

import (
	"context"

	"github.com/kubetunnel/kubetunnel/protocol"
)

func (s *server) ListContexts(ctx context.Context, _ *protocol.Empty) (*protocol.ListContextsResult, error) {
	contexts, err := s.backend.Contexts(ctx)
	return &protocol.ListContextsResult{Contexts: contexts}, err
}

func (s *server) ListNamespaces(ctx context.Context, p *protocol.ListNamespacesParams) (*protocol.ListNamespacesResult, error) {
	names, err := s.backend.Namespaces(ctx, p.Context)
	return &protocol.ListNamespacesResult{Namespaces: names}, err
}

func (s *server) ListServices(ctx context.Context, p *protocol.ListServicesParams) (*protocol.ListServicesResult, error) {
	services, err := s.backend.Services(ctx, p.Context, p.Namespace)
	return &protocol.ListServicesResult{Services: services}, err
}

func (s *server) OperatorStatus(ctx context.Context, p *protocol.OperatorParams) (*protocol.OperatorStatusResult, error) {
	return s.backend.OperatorStatus(ctx, p.Context)
}

func (s *server) InstallOperator(ctx context.Context, p *protocol.InstallOperatorParams) (*protocol.OperatorStatusResult, error) {
	work := s.progress.begin(s, p.WorkDoneToken, "")
	defer work.end("")
	return s.backend.InstallOperator(ctx, p, work.say)
}

func (s *server) UninstallOperator(ctx context.Context, p *protocol.OperatorParams) (*protocol.Empty, error) {
	return &protocol.Empty{}, s.backend.UninstallOperator(ctx, p.Context, func(string) {})
}

func (s *server) ResolveSession(ctx context.Context, p *protocol.ResolveSessionParams) (*protocol.ResolveSessionResult, error) {
	return s.backend.Resolve(ctx, p)
}

func (s *server) Preflight(ctx context.Context, p *protocol.PreflightParams) (*protocol.PreflightResult, error) {
	found, err := s.backend.Preflight(ctx, p)
	if found == nil {
		found = []protocol.Diagnostic{}
	}
	return &protocol.PreflightResult{Diagnostics: found}, err
}

func (s *server) StartSession(ctx context.Context, p *protocol.StartSessionParams) (*protocol.StartSessionResult, error) {
	work := s.progress.begin(s, p.WorkDoneToken, p.ID)
	result, err := s.backend.Start(ctx, p, s)
	if err != nil {
		work.end(err.Error())
	}
	return result, err
}

func (s *server) StopSession(ctx context.Context, p *protocol.SessionParams) (*protocol.StopSessionResult, error) {
	info, err := s.backend.Stop(ctx, p.ID)
	return &protocol.StopSessionResult{Session: info}, err
}

func (s *server) RestartSession(ctx context.Context, p *protocol.SessionParams) (*protocol.Empty, error) {
	return &protocol.Empty{}, s.backend.Restart(ctx, p.ID)
}

func (s *server) ListSessions(context.Context, *protocol.Empty) (*protocol.ListSessionsResult, error) {
	return &protocol.ListSessionsResult{Sessions: s.backend.Sessions()}, nil
}

func (s *server) SessionTraffic(_ context.Context, p *protocol.SessionParams) (*protocol.Traffic, error) {
	return s.backend.Traffic(p.ID)
}

// SessionChanged tells the editor, and whoever waits for the progress of the start.
func (s *server) SessionChanged(info protocol.SessionInfo) {
	_ = s.editor.SessionDidChange(context.Background(), &info)
	s.progress.changed(info)
}

// SessionOutput tells the editor.
func (s *server) SessionOutput(id, category, text string) {
	_ = s.editor.SessionOutput(context.Background(), &protocol.SessionOutputParams{ID: id, Category: category, Output: text})
}
