// Command hostile is a pod that means ill: it speaks to all ports of another pod in
// ways that are nobody's right, and tells as JSON what it got.
//
//	hostile probe IP KEY           finds the open ports of IP, and tries each attack on each
//	hostile hold IP:PORT... COUNT  holds so many connections to each port, until it is ended
//
// KEY is the public key of the agent there, "" when it has none. It imports
// engine/tunnel, as an attacker would who has our sources.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"syscall"

	"github.com/kubetunnel/kubetunnel/engine/tunnel"
)

// report is what a probe tells.
type report struct {
	Open    []int
	Answers []answer
}

// answer is what one attack on one port has got.
type answer struct {
	Port   int
	Attack string
	// Got is what came back that a stranger should not have: "" is as it should be.
	Got string
	// Ended tells how the attack ended.
	Ended string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "hostile:", err)
		os.Exit(1)
	}
}

var errUsage = errors.New("usage: hostile probe IP KEY | hold IP:PORT... COUNT")

func run(ctx context.Context, args []string) error {
	switch {
	case len(args) == 3 && args[0] == "probe":
		key := tunnel.PublicKey(args[2])
		if key == "" {
			own, err := tunnel.GenerateKey()
			if err != nil {
				return err
			}
			key = own.Public()
		}
		r := report{Open: scan(ctx, args[1])}
		for _, port := range r.Open {
			r.Answers = append(r.Answers, attackAll(ctx, args[1], port, key)...)
		}
		return json.NewEncoder(os.Stdout).Encode(r)
	case len(args) >= 3 && args[0] == "hold":
		count, err := strconv.Atoi(args[len(args)-1])
		if err != nil {
			return err
		}
		return hold(ctx, args[1:len(args)-1], count)
	}
	return errUsage
}
