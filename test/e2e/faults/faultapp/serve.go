package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"net"
	"net/http"
	"os"
	"sync"
	"syscall"
	"time"
)

// endTimeout bounds what is under way at the end.
const endTimeout = 2 * time.Second

// serve is the app, until ctx ends. It ends as good programs do: whatever has come
// by then is answered, and connections are told that the answer is the last one.
func serve(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("serve", flag.ContinueOnError)
	httpAddress := flags.String("http", ":8080", "where HTTP is served")
	lineAddress := flags.String("line", ":9000", "where lines are served")
	linger := flags.Duration("linger", 0, "goes on for so long after it was told to end, as pods should")
	life := flags.Duration("life", 0, "dies by SIGKILL after so long")
	if err := flags.Parse(args); err != nil {
		return err
	}
	var config net.ListenConfig
	web, err := config.Listen(ctx, "tcp", *httpAddress)
	if err != nil {
		return err
	}
	lines, err := config.Listen(ctx, "tcp", *lineAddress)
	if err != nil {
		return errors.Join(err, web.Close())
	}
	if *life > 0 {
		time.AfterFunc(*life, func() { _ = syscall.Kill(os.Getpid(), syscall.SIGKILL) })
	}
	server := &http.Server{Handler: handler(), ReadHeaderTimeout: 10 * time.Second}
	ending := make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() { _ = server.Serve(web) })
	group.Go(func() { serveLines(lines, ending) })
	<-ctx.Done()
	time.Sleep(*linger)
	close(ending)
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
	defer cancel()
	err = errors.Join(server.Shutdown(end), lines.Close())
	group.Wait()
	return err
}

// host is who serves.
func host() string {
	name, err := os.Hostname()
	if err != nil {
		return "unknown"
	}
	return name
}

func handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { answer(w) })
	mux.HandleFunc("GET /held", func(w http.ResponseWriter, _ *http.Request) {
		answer(w) // breakpoint here
	})
	return mux
}

func answer(w http.ResponseWriter) {
	_ = json.NewEncoder(w).Encode(answered{ServedBy: host()}) // whoever asked may be gone
}

// answered is an answer.
type answered struct {
	ServedBy string `json:"servedBy"`
}
