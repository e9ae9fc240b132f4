// Command tunnel-server is KubeTunnel on the workstation: the server that editors
// drive over JSON-RPC (--stdio), the debug adapter of any DAP editor (dap), and
// the same from a terminal (run).
package main

import (
	"context"
	"io"
	"log/slog"
	"os"

	"k8s.io/klog/v2"

	"github.com/kubetunnel/kubetunnel/engine"
	"github.com/kubetunnel/kubetunnel/engine/debug"
	"github.com/kubetunnel/kubetunnel/engine/sandbox"
	"github.com/kubetunnel/kubetunnel/operator/version"
	"github.com/kubetunnel/kubetunnel/protocol"
	"github.com/kubetunnel/kubetunnel/server/cli"
)

func main() {
	// This binary is also what it puts between itself and the processes that it starts.
	sandbox.MaybeRunInit()
	debug.MaybeRunGo()
	// client-go's own log is for its developers; what matters comes back as errors.
	klog.LogToStderr(false)
	klog.SetOutput(io.Discard)

	os.Exit(cli.Main(cli.Program{
		Version: version.Version,
		Streams: cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr},
		Open: func(kubeconfig string, terminal *cli.Streams, log *slog.Logger) (cli.Backend, error) {
			return newBackend(kubeconfig, terminal, log)
		},
		DAP:  serveDAP,
		Exec: execInSession,
	}, os.Args[1:]))
}

// execInSession runs a command beside the debuggee of a session.
func execInSession(session string, args, keep []string) (exitCode int, err error) {
	card, err := engine.FindHere(session)
	if err != nil {
		return 0, err
	}
	exitCode, err = sandbox.Join(card.Dir, args, keep)
	if err != nil {
		return 0, protocol.Errorf(protocol.CodeProcessStartFailed, "%s can't be run in the session on Service %s/%s: %w", args[0], card.Namespace, card.Service, err)
	}
	return exitCode, nil
}

// serveDAP is one debug session for an editor that speaks DAP alone.
func serveDAP(ctx context.Context, opts cli.DAPOptions) error {
	folder, err := os.Getwd()
	if err != nil {
		return err
	}
	return debug.Standalone(ctx, debug.StandaloneOptions{
		In: os.Stdin, Out: os.Stdout, Adapter: opts.Adapter, Command: opts.Command, Target: opts.Target, Folder: folder, Start: opts.Start, End: opts.End, Log: opts.Log,
	})
}
