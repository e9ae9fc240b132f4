// Command tunnel-agent is what runs in an agent pod: "serve" is the data plane,
// "twin" runs in the app's own image, "copy-to" puts the binary where the twin finds it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/kubetunnel/kubetunnel/engine/tunnel"
	"github.com/kubetunnel/kubetunnel/operator/agent"
	"github.com/kubetunnel/kubetunnel/operator/version"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "tunnel-agent:", err)
		os.Exit(1)
	}
}

var errUsage = errors.New("usage: tunnel-agent serve|twin|copy-to|version")

func run(args []string) error {
	if len(args) == 0 {
		return errUsage
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	switch args[0] {
	case "serve":
		return serve(ctx, args[1:])
	case "twin":
		return twin(ctx, args[1:])
	case "copy-to":
		if len(args) != 2 {
			return errUsage
		}
		return copyTo(args[1])
	case "version":
		fmt.Println(version.Version)
		return nil
	}
	return errUsage
}

func serve(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("serve", flag.ContinueOnError)
	configDir := flags.String("config", "/etc/kubetunnel", "folder with key.pem and operator.pub")
	controlAddress := flags.String("control", ":7071", "where the operator connects")
	tunnelAddress := flags.String("tunnel", "127.0.0.1:7070", "where engines connect, by port-forward")
	twinSocket := flags.String("twin-socket", "", "where the twin connects; empty: there is none")
	debug := flags.Bool("debug", false, "log each connection that goes astray")
	if err := flags.Parse(args); err != nil {
		return err
	}
	level := slog.LevelInfo
	if *debug {
		level = slog.LevelDebug
	}
	cfg := agent.Config{Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))}
	if err := readKeys(*configDir, &cfg); err != nil {
		return err
	}
	var err error
	if cfg.Control, err = net.Listen("tcp", *controlAddress); err != nil {
		return fmt.Errorf("control port: %w", err)
	}
	if cfg.Tunnel, err = net.Listen("tcp", *tunnelAddress); err != nil {
		return fmt.Errorf("tunnel port: %w", err)
	}
	if *twinSocket != "" {
		if cfg.Twin, err = listenTwin(*twinSocket); err != nil {
			return err
		}
	}
	return agent.New(cfg).Run(ctx)
}

func readKeys(dir string, cfg *agent.Config) error {
	pem, err := os.ReadFile(filepath.Join(dir, "key.pem"))
	if err != nil {
		return fmt.Errorf("agent's key: %w", err)
	}
	if cfg.Key, err = tunnel.ParsePrivateKey(pem); err != nil {
		return fmt.Errorf("agent's key: %w", err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "operator.pub"))
	if err != nil {
		return fmt.Errorf("operator's key: %w", err)
	}
	cfg.Operator, err = tunnel.ParsePublicKey(strings.TrimSpace(string(text)))
	return err
}

// listenTwin opens the socket for a twin of any user: what is asked there is no secret to the pod.
func listenTwin(path string) (net.Listener, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("twin's socket: %w", err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("twin's socket: %w", err)
	}
	if err := os.Chmod(path, 0o666); err != nil { //nolint:gosec // the twin runs as the app's user
		return nil, fmt.Errorf("twin's socket: %w", err)
	}
	return l, nil
}

func twin(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("twin", flag.ContinueOnError)
	socket := flags.String("socket", "/kt/twin.sock", "the agent's socket")
	if err := flags.Parse(args); err != nil {
		return err
	}
	return agent.Twin(ctx, *socket)
}

// copyTo puts this binary at a path that another container of the pod runs it from.
func copyTo(path string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	in, err := os.Open(self)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	partial := path + ".partial"
	out, err := os.OpenFile(partial, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o755) //nolint:gosec // must be executable by the app's user
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		_ = out.Close()
		return err
	}
	if err := out.Close(); err != nil {
		return err
	}
	return os.Rename(partial, path)
}
