package main

import (
	"cmp"
	"context"
	"log/slog"
	"os"
	"time"

	"github.com/kubetunnel/kubetunnel/engine"
	"github.com/kubetunnel/kubetunnel/engine/cluster"
	"github.com/kubetunnel/kubetunnel/engine/debug"
	"github.com/kubetunnel/kubetunnel/engine/sandbox"
	"github.com/kubetunnel/kubetunnel/engine/watch"
	"github.com/kubetunnel/kubetunnel/operator/manifests"
	"github.com/kubetunnel/kubetunnel/protocol"
	"github.com/kubetunnel/kubetunnel/server"
	"github.com/kubetunnel/kubetunnel/server/cli"
)

// backend is the engine and its cluster room as the server asks them.
type backend struct {
	*engine.Engine
	kubeconfig *cluster.Kubeconfig
	folder     string
	stopWatch  func()
	former     *former
}

// probeTimeout bounds the trial of a sandbox.
const probeTimeout = 5 * time.Second

var _ cli.Backend = (*backend)(nil)

func newBackend(path string, terminal *cli.Streams, log *slog.Logger) (*backend, error) {
	kubeconfig := cluster.NewKubeconfig(path)
	folder, err := os.Getwd()
	if err != nil {
		return nil, protocol.Errorf(protocol.CodeInternalError, "no working folder: %w", err)
	}
	former := newFormer(kubeconfig, log)
	former.sweep()
	// Without a watch the files are read as they are now.
	stop, err := watch.Files(kubeconfig.Files(), kubeconfig.Reload)
	if err != nil {
		log.Warn("the kubeconfig is not watched", "error", err)
		stop = func() {}
	}
	return &backend{
		Engine: engine.New(newRooms(kubeconfig, former, folder, terminal, log), log), kubeconfig: kubeconfig, folder: folder, stopWatch: stop, former: former,
	}, nil
}

func (b *backend) Capabilities() protocol.ServerCapabilities {
	ctx, cancel := context.WithTimeout(context.Background(), probeTimeout)
	defer cancel()
	return protocol.ServerCapabilities{Adapters: debug.Adapters(), Sandbox: sandboxInfo(sandbox.Describe(ctx, askedMode()))}
}

func (b *backend) Contexts(ctx context.Context, p *protocol.ListContextsParams) (*protocol.ListContextsResult, error) {
	return b.kubeconfig.Contexts(ctx, p.Unless)
}

func (b *backend) Namespaces(ctx context.Context, p *protocol.ListNamespacesParams) (*protocol.ListNamespacesResult, error) {
	client, err := b.kubeconfig.Connect(p.Context)
	if err != nil {
		return nil, err
	}
	return client.Namespaces(ctx, p.Unless)
}

func (b *backend) Services(ctx context.Context, p *protocol.ListServicesParams) (*protocol.ListServicesResult, error) {
	client, err := b.kubeconfig.Connect(p.Context)
	if err != nil {
		return nil, err
	}
	return client.Services(ctx, p.Namespace, p.Unless)
}

func (b *backend) EndIntercept(ctx context.Context, p *protocol.EndInterceptParams) error {
	client, err := b.kubeconfig.Connect(p.Context)
	if err != nil {
		return err
	}
	return client.EndInterceptOf(ctx, p.Namespace, p.Service)
}

func (b *backend) OperatorStatus(ctx context.Context, kubeContext string) (*protocol.OperatorStatusResult, error) {
	client, err := b.kubeconfig.Connect(kubeContext)
	if err != nil {
		return nil, err
	}
	return client.OperatorStatus(ctx)
}

func (b *backend) InstallOperator(ctx context.Context, p *protocol.InstallOperatorParams, progress func(string)) (*protocol.OperatorStatusResult, error) {
	client, err := b.kubeconfig.Connect(p.Context)
	if err != nil {
		return nil, err
	}
	return client.Install(ctx, manifests.Options{Image: p.Image, PullPolicy: p.ImagePullPolicy}, progress)
}

func (b *backend) UninstallOperator(ctx context.Context, kubeContext string, progress func(string)) error {
	client, err := b.kubeconfig.Connect(kubeContext)
	if err != nil {
		return err
	}
	return client.Uninstall(ctx, progress)
}

func (b *backend) Revert(ctx context.Context, kubeContext, namespace, service string) error {
	client, err := b.kubeconfig.Connect(kubeContext)
	if err != nil {
		return err
	}
	return client.Revert(ctx, namespace, service)
}

func (b *backend) Suggest(_ context.Context, p *protocol.SuggestSessionParams) ([]protocol.Suggestion, error) {
	return debug.Suggest(p.Target, cmp.Or(p.Folder, b.folder), p.File), nil
}

func (b *backend) Resolve(_ context.Context, p *protocol.ResolveSessionParams) (*protocol.ResolveSessionResult, error) {
	if p.Command != nil {
		return debug.ResolveCommand(*p.Command), nil
	}
	return debug.Resolve(p.Target, p.Launch, debug.ResolveOptions{Folder: cmp.Or(p.Folder, b.folder), Exec: debug.ExecLine(p.ID)})
}

// Preflight joins what the cluster and the debugger room find.
func (b *backend) Preflight(ctx context.Context, p *protocol.PreflightParams) ([]protocol.Diagnostic, error) {
	var found []protocol.Diagnostic
	client, err := b.kubeconfig.Connect(p.Target.Context)
	if err != nil {
		found = append(found, cluster.AsDiagnostic(err))
	} else {
		found = append(found, client.Diagnose(ctx, p.Target)...)
	}
	if len(p.Launch) > 0 {
		resolved, err := debug.Resolve(p.Target, p.Launch, debug.ResolveOptions{Folder: cmp.Or(p.Folder, b.folder)})
		if err != nil {
			found = append(found, cluster.AsDiagnostic(err))
		} else {
			found = append(found, resolved.Diagnostics...)
		}
	}
	return found, nil
}

func (b *backend) Start(ctx context.Context, p *protocol.StartSessionParams, listener server.Listener) (*protocol.StartSessionResult, error) {
	return b.Engine.Start(ctx, p, listener)
}

func (b *backend) Close(ctx context.Context) error {
	b.stopWatch()
	err := b.Engine.Close(ctx)
	b.former.wait()
	return err
}
