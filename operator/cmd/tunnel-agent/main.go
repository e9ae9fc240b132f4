// Command tunnel-agent is what runs in an agent pod: "serve" is the data plane,
// "twin" runs in the app's own image, "copy-to" puts the binary where the twin finds it.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
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

var errUsage = errors.New("usage: tunnel-agent serve|twin|copy-to PATH|version")

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

func twin(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("twin", flag.ContinueOnError)
	socket := flags.String("socket", "/kt/twin.sock", "the agent's socket")
	list := flags.String("mounts", "[]", "the app container's volume mounts, as JSON")
	if err := flags.Parse(args); err != nil {
		return err
	}
	var mounts []tunnel.Mount
	if err := json.Unmarshal([]byte(*list), &mounts); err != nil {
		return fmt.Errorf("--mounts: %w", err)
	}
	agent.Twin(ctx, *socket, mounts)
	return nil
}
