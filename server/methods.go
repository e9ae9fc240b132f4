package server

import (
	"context"
	"slices"

	"github.com/kubetunnel/kubetunnel/protocol"
)

// list gives an empty array where Go has nil: the contract says array, not null.
func list[T any](items []T) []T {
	if items == nil {
		return []T{}
	}
	return items
}

func (s *server) ListContexts(ctx context.Context, p *protocol.ListContextsParams) (*protocol.ListContextsResult, error) {
	result, err := s.backend.Contexts(ctx, p)
	if err != nil {
		return nil, err
	}
	result.Contexts = list(result.Contexts)
	return result, nil
}

func (s *server) ListNamespaces(ctx context.Context, p *protocol.ListNamespacesParams) (*protocol.ListNamespacesResult, error) {
	result, err := s.backend.Namespaces(ctx, p)
	if err != nil {
		return nil, err
	}
	result.Namespaces = list(result.Namespaces)
	return result, nil
}

func (s *server) ListServices(ctx context.Context, p *protocol.ListServicesParams) (*protocol.ListServicesResult, error) {
	result, err := s.backend.Services(ctx, p)
	if err != nil {
		return nil, err
	}
	result.Services = list(result.Services)
	for i := range result.Services {
		result.Services[i].Ports = list(result.Services[i].Ports)
	}
	return result, nil
}

func (s *server) EndIntercept(ctx context.Context, p *protocol.EndInterceptParams) (*protocol.Empty, error) {
	return &protocol.Empty{}, s.backend.EndIntercept(ctx, p)
}

func (s *server) OperatorStatus(ctx context.Context, p *protocol.OperatorParams) (*protocol.OperatorStatusResult, error) {
	return s.backend.OperatorStatus(ctx, p.Context)
}

func (s *server) InstallOperator(ctx context.Context, p *protocol.InstallOperatorParams) (*protocol.OperatorStatusResult, error) {
	work := s.progress.begin(p.WorkDoneToken, "")
	result, err := s.backend.InstallOperator(ctx, p, work.say)
	work.end(ending(err))
	return result, err
}

func (s *server) UninstallOperator(ctx context.Context, p *protocol.OperatorParams) (*protocol.Empty, error) {
	work := s.progress.begin(p.WorkDoneToken, "")
	err := s.backend.UninstallOperator(ctx, p.Context, work.say)
	work.end(ending(err))
	return &protocol.Empty{}, err
}

func (s *server) SuggestSession(ctx context.Context, p *protocol.SuggestSessionParams) (*protocol.SuggestSessionResult, error) {
	found, err := s.backend.Suggest(ctx, p)
	return &protocol.SuggestSessionResult{Suggestions: list(found)}, err
}

func (s *server) ResolveSession(ctx context.Context, p *protocol.ResolveSessionParams) (*protocol.ResolveSessionResult, error) {
	return s.backend.Resolve(ctx, p)
}

func (s *server) Preflight(ctx context.Context, p *protocol.PreflightParams) (*protocol.PreflightResult, error) {
	found, err := s.backend.Preflight(ctx, p)
	slices.SortStableFunc(found, func(a, b protocol.Diagnostic) int { return rank(a.Severity) - rank(b.Severity) })
	return &protocol.PreflightResult{Diagnostics: list(found)}, err
}

// rank puts errors first.
func rank(s protocol.Severity) int {
	return slices.Index([]protocol.Severity{protocol.SeverityError, protocol.SeverityWarning, protocol.SeverityInfo}, s)
}

func (s *server) StartSession(ctx context.Context, p *protocol.StartSessionParams) (*protocol.StartSessionResult, error) {
	work := s.progress.begin(p.WorkDoneToken, p.ID)
	result, err := s.backend.Start(ctx, p, s)
	if err != nil {
		s.progress.drop(work)
		work.end(ending(err))
		return nil, err
	}
	// A session that was there already may have nothing more to tell.
	s.progress.changed(result.Session)
	return result, nil
}

func (s *server) SessionEnvironment(ctx context.Context, p *protocol.SessionEnvironmentParams) (*protocol.SessionEnvironmentResult, error) {
	env, err := s.backend.Environment(ctx, p.ID, p.Env)
	return &protocol.SessionEnvironmentResult{Env: env}, err
}

func (s *server) JoinSession(ctx context.Context, p *protocol.JoinSessionParams) (*protocol.Empty, error) {
	return &protocol.Empty{}, s.backend.Join(ctx, p.ID, p.ProcessID)
}

func (s *server) StopSession(ctx context.Context, p *protocol.SessionParams) (*protocol.StopSessionResult, error) {
	info, err := s.backend.Stop(ctx, p.ID)
	return &protocol.StopSessionResult{Session: info}, err
}

func (s *server) RestartSession(ctx context.Context, p *protocol.SessionParams) (*protocol.Empty, error) {
	return &protocol.Empty{}, s.backend.Restart(ctx, p.ID)
}

func (s *server) ListSessions(context.Context, *protocol.Empty) (*protocol.ListSessionsResult, error) {
	return &protocol.ListSessionsResult{Sessions: list(s.backend.Sessions())}, nil
}

func (s *server) SessionTraffic(_ context.Context, p *protocol.SessionParams) (*protocol.Traffic, error) {
	return s.backend.Traffic(p.ID)
}
