// Command faultapp is both ends of the fault suite: an app that says who it is, by
// HTTP and by lines over TCP, and the load on such apps.
//
//	faultapp serve   the app
//	faultapp load    the load; POST /load, POST /mark, GET /load and DELETE /load drive it
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "faultapp:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("serve or load?")
	}
	switch args[0] {
	case "serve":
		return serve(ctx, args[1:])
	case "load":
		return serveLoad(ctx, args[1:])
	}
	return fmt.Errorf("%s: serve or load?", args[0])
}
