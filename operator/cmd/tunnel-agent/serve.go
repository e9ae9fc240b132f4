package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/kubetunnel/kubetunnel/engine/tunnel"
	"github.com/kubetunnel/kubetunnel/operator/agent"
)

func serve(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("serve", flag.ContinueOnError)
	configDir := flags.String("config", "/etc/kubetunnel", "folder with key.pem and operator.pub")
	controlAddress := flags.String("control", ":7071", "where the operator connects")
	tunnelAddress := flags.String("tunnel", "127.0.0.1:7070", "where engines connect, by port-forward")
	upgradeAddress := flags.String("upgrade", "", "where engines connect by HTTP upgrade, through the API server's proxy; empty: nowhere")
	twinSocket := flags.String("twin-socket", "", "where the twin connects; empty: there is none")
	ports := flags.String("ports", "[]", "what is handed on to the origin until the operator has spoken, as JSON")
	debug := flags.Bool("debug", false, "log each connection that goes astray")
	if err := flags.Parse(args); err != nil {
		return err
	}
	level := slog.LevelInfo
	if *debug {
		level = slog.LevelDebug
	}
	cfg := agent.Config{Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))}
	if err := json.Unmarshal([]byte(*ports), &cfg.Ports); err != nil {
		return fmt.Errorf("--ports: %w", err)
	}
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
	if *upgradeAddress != "" {
		if cfg.Upgrade, err = net.Listen("tcp", *upgradeAddress); err != nil {
			return fmt.Errorf("upgrade port: %w", err)
		}
	}
	if *twinSocket != "" {
		if cfg.Twin, err = listenTwin(*twinSocket); err != nil {
			return fmt.Errorf("twin's socket: %w", err)
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
	if cfg.Operator, err = tunnel.ParsePublicKey(strings.TrimSpace(string(text))); err != nil {
		return fmt.Errorf("operator's key: %w", err)
	}
	return nil
}

// listenTwin opens the socket for a twin of any user: the folder is shared by the
// two containers of this pod alone. A former agent may have left its socket.
func listenTwin(path string) (net.Listener, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o666); err != nil { //nolint:gosec // the twin runs as the app's user
		return nil, err
	}
	return l, nil
}
