package e2e

import (
	"context"
	"fmt"
	"testing"

	"github.com/kubetunnel/kubetunnel/test/cluster"
)

func waitGone(ctx context.Context, t *testing.T, pids []int) {
	t.Helper()
	err := cluster.Wait(ctx, "the processes to end", func() (bool, error) {
		left := cluster.Running(pids)
		return len(left) == 0, fmt.Errorf("%v", left)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// killOne kills the process below the server that runs a command.
func killOne(t *testing.T, server int, command string) {
	t.Helper()
	if err := cluster.KillBelow(server, command); err != nil {
		t.Fatal(err)
	}
}
