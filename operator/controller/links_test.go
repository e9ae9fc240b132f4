package controller

import (
	"context"
	"errors"
	"net"
	"testing"
)

func TestWhoDoesNotLeadDialsNobody(t *testing.T) {
	leads, dialled := false, 0
	dial := onlyWhile(func() bool { return leads }, func(context.Context, string, string) (net.Conn, error) {
		dialled++
		return nil, nil
	})
	if _, err := dial(t.Context(), "tcp", "10.0.0.1:1"); !errors.Is(err, errNotLeading) || dialled > 0 {
		t.Errorf("dialled %d times, %v", dialled, err)
	}
	leads = true
	if _, err := dial(t.Context(), "tcp", "10.0.0.1:1"); err != nil || dialled != 1 {
		t.Errorf("the leader dialled %d times, %v", dialled, err)
	}
}
