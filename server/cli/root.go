package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kubetunnel/kubetunnel/server"
)

// app is one run of the program. patience ends with the second signal.
type app struct {
	Program
	patience context.Context

	kubeconfig, kubeContext string
	logFile, logLevel       string
	logCloser               io.Closer
}

// endTimeout bounds the end of all sessions.
const endTimeout = 40 * time.Second

// usageError is a mistake on the command line.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func isUsage(err error) bool {
	var usage usageError
	return errors.As(err, &usage)
}

// takes is an Args check whose errors are mistakes on the command line.
func takes(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return usageError{err}
		}
		return nil
	}
}

func (a *app) root() *cobra.Command {
	var stdio bool
	root := &cobra.Command{
		Use:           "tunnel-server",
		Short:         "KubeTunnel: the process under your debugger is the pod, until you stop",
		Version:       a.Version,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          takes(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !stdio {
				return cmd.Help()
			}
			return a.serveEditor(cmd.Context())
		},
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.Flags().BoolVar(&stdio, "stdio", false, "serve an editor over standard input and output")
	p := root.PersistentFlags()
	p.StringVar(&a.kubeconfig, "kubeconfig", "", "kubeconfig file (default: $KUBECONFIG, then ~/.kube/config)")
	p.StringVar(&a.kubeContext, "context", "", "context of the kubeconfig (default: the current one)")
	p.StringVar(&a.logFile, "log-file", "", "write the log there (default: standard error)")
	p.StringVar(&a.logLevel, "log-level", "warn", "debug, info, warn or error")
	root.AddCommand(a.runCommand(), a.execCommand(), a.dapCommand(), a.installCommand(), a.uninstallCommand(), a.statusCommand(), a.revertCommand(), a.doctorCommand())
	return root
}

// logHandler writes to standard error or a file; standard output belongs to the protocol.
func (a *app) logHandler() (slog.Handler, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(a.logLevel)); err != nil {
		return nil, usageError{fmt.Errorf("--log-level %s: want debug, info, warn or error", a.logLevel)}
	}
	out := a.Streams.Err
	if a.logFile != "" {
		file, err := os.OpenFile(a.logFile, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		if err != nil {
			return nil, fmt.Errorf("--log-file: %w", err)
		}
		out, a.logCloser = file, file
	}
	return slog.NewTextHandler(out, &slog.HandlerOptions{Level: level}), nil
}

func (a *app) closeLog() error {
	if a.logCloser == nil {
		return nil
	}
	return a.logCloser.Close()
}

// with opens the engine for the time of do.
func (a *app) with(ctx context.Context, terminal *Streams, do func(ctx context.Context, b Backend, log *slog.Logger) error) error {
	handler, err := a.logHandler()
	if err != nil {
		return err
	}
	log := slog.New(handler)
	b, err := a.Open(a.kubeconfig, terminal, log)
	if err != nil {
		return err
	}
	// An end that failed in do has been told already.
	err = do(ctx, b, log)
	if endErr := a.end(b); endErr != nil && (err == nil || err.Error() != endErr.Error()) {
		err = errors.Join(err, endErr)
	}
	return err
}

// end ends all sessions, whatever has ended the work.
func (a *app) end(b Backend) error {
	ctx, cancel := context.WithTimeout(a.patience, endTimeout)
	defer cancel()
	return b.Close(ctx)
}

func (a *app) serveEditor(ctx context.Context) error {
	handler, err := a.logHandler()
	if err != nil {
		return err
	}
	editorLog := server.NewEditorLog(handler)
	log := slog.New(editorLog)
	return exitCode(server.ServeStdio(ctx, a.Streams.In, a.Streams.Out, server.Options{
		NewBackend: func(kubeconfig string) (server.Backend, error) {
			if kubeconfig == "" {
				kubeconfig = a.kubeconfig
			}
			return a.Open(kubeconfig, nil, log)
		},
		Log: log, EditorLog: editorLog, Version: a.Version,
	}))
}

// splitService reads "namespace/service", or "service" alone.
func splitService(s string) (namespace, service string, err error) {
	namespace, service, both := strings.Cut(s, "/")
	if !both {
		namespace, service = "", s
	}
	if service == "" || both && namespace == "" || strings.Contains(service, "/") {
		return "", "", usageError{fmt.Errorf("%q names no Service: write NAME or NAMESPACE/NAME", s)}
	}
	return namespace, service, nil
}
