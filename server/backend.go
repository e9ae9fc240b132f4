// Package server is one editor's connection to tunnel-server: the methods of the
// editor contract, each a thin call into the engine.
//
// It imports protocol, protocol/gen and server/rpc; the engine comes in as a Backend.
package server

import (
	"context"

	"github.com/kubetunnel/kubetunnel/protocol"
)

// Listener hears about sessions. Its methods don't block.
type Listener interface {
	SessionChanged(protocol.SessionInfo)
	SessionOutput(id, category, text string)
}

// Backend is the engine as the server asks it. Close ends every session and
// returns when their Services are back.
type Backend interface {
	Capabilities() protocol.ServerCapabilities
	Contexts(ctx context.Context, params *protocol.ListContextsParams) (*protocol.ListContextsResult, error)
	Namespaces(ctx context.Context, params *protocol.ListNamespacesParams) (*protocol.ListNamespacesResult, error)
	Services(ctx context.Context, params *protocol.ListServicesParams) (*protocol.ListServicesResult, error)
	EndIntercept(ctx context.Context, params *protocol.EndInterceptParams) error
	OperatorStatus(ctx context.Context, kubeContext string) (*protocol.OperatorStatusResult, error)
	InstallOperator(ctx context.Context, params *protocol.InstallOperatorParams, progress func(string)) (*protocol.OperatorStatusResult, error)
	UninstallOperator(ctx context.Context, kubeContext string, progress func(string)) error
	Suggest(ctx context.Context, params *protocol.SuggestSessionParams) ([]protocol.Suggestion, error)
	Resolve(ctx context.Context, params *protocol.ResolveSessionParams) (*protocol.ResolveSessionResult, error)
	Preflight(ctx context.Context, params *protocol.PreflightParams) ([]protocol.Diagnostic, error)
	Start(ctx context.Context, params *protocol.StartSessionParams, listener Listener) (*protocol.StartSessionResult, error)
	Environment(ctx context.Context, id string, user map[string]*string) (map[string]*string, error)
	Join(ctx context.Context, id string, processID int) error
	Stop(ctx context.Context, id string) (protocol.SessionInfo, error)
	Restart(ctx context.Context, id string) error
	Sessions() []protocol.SessionInfo
	Traffic(id string) (*protocol.Traffic, error)
	Close(ctx context.Context) error
}
