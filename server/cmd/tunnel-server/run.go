package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/kubetunnel/kubetunnel/protocol"
)

func newRun(f *flags) *cobra.Command {
	var service string
	var target protocol.Target
	var bare bool
	cmd := &cobra.Command{
		Use:   "run --service [NAMESPACE/]NAME [--port PORT] -- COMMAND [ARGS…]",
		Short: "run a program as the Service's pod, without a debugger",
		Args:  cobra.MinimumNArgs(1),
	}
	cmd.Flags().StringVar(&service, "service", "", "the Service to stand in for")
	cmd.Flags().StringVar(&target.Port, "service-port", "", "the Service's port, by name or number (default: all)")
	cmd.Flags().IntVar(&target.LocalPort, "port", 0, "where the program listens (default: the Service's target port)")
	cmd.Flags().BoolVar(&bare, "no-inherit", false, "go without the app's environment")
	_ = cmd.MarkFlagRequired("service")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		target.Context = f.kubeContext
		target.Namespace, target.Service = splitService(service)
		inherit := !bare
		target.Inherit = &inherit
		return runCommand(cmd.Context(), f, target, args)
	}
	return cmd
}

// newID makes an id for a session that no editor has named.
func newID() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails, see crypto/rand
	return hex.EncodeToString(b[:])
}

// runTimeout bounds the end of a session at the terminal.
const runTimeout = 40 * time.Second

func runCommand(ctx context.Context, f *flags, target protocol.Target, args []string) error {
	b, err := f.backend()
	if err != nil {
		return err
	}
	folder, err := os.Getwd()
	if err != nil {
		return err
	}
	id := newID()
	t := &terminal{began: time.Now(), told: map[protocol.Stage]bool{}}
	_, err = b.Engine.Start(ctx, &protocol.StartSessionParams{ID: id, Target: target, Command: &protocol.Command{Args: args, Cwd: folder}}, t)
	if err == nil {
		// Ctrl-C ends the wait, and with it the session.
		_, _ = b.Wait(ctx, id)
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), runTimeout)
	defer cancel()
	if closeErr := b.Close(end); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	info, err := b.Wait(end, id)
	if err != nil {
		return err
	}
	return t.finish(info)
}

// terminal shows a session to a person: stages on standard error, the program's own output as it is.
type terminal struct {
	began time.Time

	mu    sync.Mutex
	told  map[protocol.Stage]bool
	state protocol.State
	warns int
}

func (t *terminal) SessionChanged(info protocol.SessionInfo) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, w := range info.Warnings[min(t.warns, len(info.Warnings)):] {
		t.say("note: " + w)
	}
	t.warns = len(info.Warnings)
	for _, st := range info.Stages {
		if st.EndedMillis > 0 && !t.told[st.Stage] {
			t.told[st.Stage] = true
			t.say(fmt.Sprintf("%s (%d ms)", st.Stage, st.EndedMillis-st.BeganMillis))
		}
	}
	if info.State != t.state {
		t.state = info.State
		if info.Reason != "" {
			t.say(fmt.Sprintf("%s: %s", info.State, info.Reason))
		}
	}
}

func (t *terminal) say(text string) {
	fmt.Fprintf(os.Stderr, "[kubetunnel %6.2fs] %s\n", time.Since(t.began).Seconds(), text)
}

func (t *terminal) SessionOutput(_, category, text string) {
	switch category {
	case "stdout":
		_, _ = os.Stdout.WriteString(text)
	case "stderr":
		_, _ = os.Stderr.WriteString(text)
	default:
		_, _ = os.Stderr.WriteString("[kubetunnel] " + text)
	}
}

// finish prints the receipt, and gives the program's exit code.
func (t *terminal) finish(info protocol.SessionInfo) error {
	if r := info.Receipt; r != nil {
		if r.Restored {
			t.say(fmt.Sprintf("the Service is as it was; %d connections were served here, %d cut at the end", r.Traffic.Connections, r.Cut))
		}
		for _, d := range r.Differences {
			t.say("the Service differs: " + d)
		}
	}
	if info.Error != nil {
		return info.Error
	}
	if info.ExitCode != nil && *info.ExitCode != 0 {
		return exitCode(*info.ExitCode)
	}
	return nil
}
