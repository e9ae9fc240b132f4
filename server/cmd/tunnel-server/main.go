// Command tunnel-server is KubeTunnel on the workstation: the server that editors
// drive over JSON-RPC (--stdio), the debug adapter of any DAP editor (dap), and
// the same from a terminal (run).
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
	"k8s.io/klog/v2"

	"github.com/kubetunnel/kubetunnel/engine/debug"
	"github.com/kubetunnel/kubetunnel/engine/sandbox"
	"github.com/kubetunnel/kubetunnel/operator/version"
	"github.com/kubetunnel/kubetunnel/protocol"
	"github.com/kubetunnel/kubetunnel/server"
)

func main() {
	// This binary is also what it puts between itself and the processes that it starts.
	sandbox.MaybeRunInit()
	debug.MaybeRunGo()

	// client-go's own log is for its developers; what matters comes back as errors.
	klog.LogToStderr(false)
	klog.SetOutput(io.Discard)

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	err := newRoot().ExecuteContext(ctx)
	stop()
	var code exitCode
	if errors.As(err, &code) {
		os.Exit(int(code))
	}
	if err != nil {
		explain(os.Stderr, err)
		os.Exit(1)
	}
}

// exitCode ends the process with a code of its own and no message.
type exitCode int

func (c exitCode) Error() string { return fmt.Sprintf("exit code %d", int(c)) }

// flags are those of every command.
type flags struct {
	kubeconfig, kubeContext string
	logFile, logLevel       string
}

func newRoot() *cobra.Command {
	var f flags
	var stdio bool
	root := &cobra.Command{
		Use:           "tunnel-server",
		Short:         "KubeTunnel: the process under your debugger is the pod, until you stop",
		Version:       version.Version,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !stdio {
				return cmd.Help()
			}
			return serveEditor(cmd.Context(), f)
		},
	}
	root.Flags().BoolVar(&stdio, "stdio", false, "serve an editor over standard input and output")
	p := root.PersistentFlags()
	p.StringVar(&f.kubeconfig, "kubeconfig", "", "kubeconfig file (default: $KUBECONFIG, then ~/.kube/config)")
	p.StringVar(&f.kubeContext, "context", "", "context of the kubeconfig (default: the current one)")
	p.StringVar(&f.logFile, "log-file", "", "write the log there (default: standard error)")
	p.StringVar(&f.logLevel, "log-level", "warn", "debug, info, warn or error")
	root.AddCommand(newRun(&f), newDAP(&f), newInstall(&f), newUninstall(&f), newStatus(&f), newRevert(&f))
	return root
}

// logger writes to standard error or a file; standard output belongs to the protocol.
func (f flags) logger() (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(f.logLevel)); err != nil {
		return nil, fmt.Errorf("--log-level: %w", err)
	}
	out := io.Writer(os.Stderr)
	if f.logFile != "" {
		file, err := os.OpenFile(f.logFile, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		if err != nil {
			return nil, fmt.Errorf("--log-file: %w", err)
		}
		out = file
	}
	return slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{Level: level})), nil
}

func (f flags) backend() (*backend, error) {
	log, err := f.logger()
	if err != nil {
		return nil, err
	}
	return newBackend(f.kubeconfig, log)
}

// stdioConn is standard input and output as one connection.
type stdioConn struct{}

func (stdioConn) Read(p []byte) (int, error)  { return os.Stdin.Read(p) }
func (stdioConn) Write(p []byte) (int, error) { return os.Stdout.Write(p) }
func (stdioConn) Close() error                { return errors.Join(os.Stdin.Close(), os.Stdout.Close()) }

func serveEditor(ctx context.Context, f flags) error {
	log, err := f.logger()
	if err != nil {
		return err
	}
	code := server.Serve(ctx, stdioConn{}, server.Options{
		NewBackend: func(kubeconfig string) (server.Backend, error) {
			if kubeconfig == "" {
				kubeconfig = f.kubeconfig
			}
			return newBackend(kubeconfig, log)
		},
		Log: log, Version: version.Version,
	})
	return exitCode(code)
}

// explain prints an error for a person: what is wrong, and what to do next.
func explain(w io.Writer, err error) {
	var e *protocol.Error
	if !errors.As(err, &e) {
		fmt.Fprintln(w, "error:", err)
		return
	}
	fmt.Fprintln(w, "error", e.Error())
	if e.Data.Event != "" {
		fmt.Fprintln(w, "  latest event:", e.Data.Event)
	}
	explainFix(w, e.Data.Fix)
}

func explainFix(w io.Writer, fix *protocol.Fix) {
	if fix == nil {
		return
	}
	fmt.Fprintln(w, "  →", fix.Title)
	if fix.Command != "" {
		fmt.Fprintln(w, "     ", fix.Command)
	}
	if fix.YAML != "" {
		fmt.Fprintln(w)
		fmt.Fprint(w, fix.YAML)
	}
}
