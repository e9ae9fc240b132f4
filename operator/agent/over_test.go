package agent

import (
	"errors"
	"testing"
	"time"

	"github.com/kubetunnel/kubetunnel/engine/tunnel"
	"github.com/kubetunnel/kubetunnel/operator/control"
)

func TestEngineCantComeBackWhenItsInterceptIsOver(t *testing.T) {
	w := newWorld(t)
	w.connect(workstation)
	conn := w.call() // it is what the agent drains
	greeting(t, conn)
	w.draining(time.Minute)
	_, err := w.dial(workstation)
	var unauthorized *tunnel.UnauthorizedError
	if !errors.As(err, &unauthorized) {
		t.Errorf("while it drains, a key that is still named got %v", err)
	}
	w.apply(func(d *control.Desired) { d.Draining = false })
	w.connect(workstation)
}
