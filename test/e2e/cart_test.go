package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/kubetunnel/kubetunnel/protocol"
	"github.com/kubetunnel/kubetunnel/server/servertest"
	"github.com/kubetunnel/kubetunnel/test/cluster"
)

// cartSource is the file that is debugged, and the line of its breakpoint.
func cartSource(t *testing.T) (path string, line int) {
	t.Helper()
	return breakpointIn(t, filepath.Join(world.Root, "examples", "shop", "cart", "main.go"))
}

// cartLaunch is a launch of cart under the debugger, as people write it, and its
// target. It listens on a port that is free here: the app's own may be taken.
func cartLaunch(ctx context.Context, t *testing.T) (protocol.Target, json.RawMessage) {
	t.Helper()
	port := freePort(ctx, t)
	path, _ := cartSource(t)
	launch, err := json.Marshal(map[string]any{
		"type": "go", "request": "launch", "mode": "debug", "program": filepath.Dir(path),
		"env": map[string]string{"LISTEN": listenOn(port)},
	})
	if err != nil {
		t.Fatal(err)
	}
	return protocol.Target{Namespace: shop, Service: "cart", LocalPort: port}, launch
}

func freePort(ctx context.Context, t *testing.T) int {
	t.Helper()
	port, err := cluster.FreePort(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func listenOn(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

// session is a debug session on cart.
type session struct {
	*servertest.Debugger
	id        string
	intercept string
	launch    json.RawMessage
	endpoint  *protocol.Endpoint
}

// debugCart starts a session on cart, with breakpoints, and waits until it is live.
func debugCart(ctx context.Context, t *testing.T, e *servertest.Editor, id string, lines ...int) *session {
	t.Helper()
	target, launch := cartLaunch(ctx, t)
	started, err := e.Server.StartSession(ctx, &protocol.StartSessionParams{ID: id, Target: target, Launch: launch})
	if err != nil {
		t.Fatal(err)
	}
	s := &session{id: id, intercept: started.Session.Intercept, launch: launch, endpoint: started.DAP}
	s.attach(ctx, t, e, lines...)
	return s
}

// attach is what an editor does at the launch of a session, and at its restart.
func (s *session) attach(ctx context.Context, t *testing.T, e *servertest.Editor, lines ...int) {
	t.Helper()
	d, err := servertest.DialDAP(ctx, s.endpoint)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	s.Debugger = d
	path, _ := cartSource(t)
	if err := d.Launch(ctx, s.launch, path, lines...); err != nil {
		t.Fatalf("%v\n%s", err, e.Output(s.id))
	}
	if _, err := e.WaitState(ctx, s.id, protocol.StateLive); err != nil {
		t.Fatal(err)
	}
}

// runCart starts a session of cart without a debugger, and waits until it is live.
func runCart(ctx context.Context, t *testing.T, e *servertest.Editor, id string) {
	t.Helper()
	port := freePort(ctx, t)
	listen := listenOn(port)
	if _, err := e.Server.StartSession(ctx, &protocol.StartSessionParams{
		ID: id, Target: protocol.Target{Namespace: shop, Service: "cart", LocalPort: port},
		Command: &protocol.Command{Args: []string{filepath.Join(world.Root, "bin", "image", "cart")}, Env: map[string]*string{"LISTEN": &listen}},
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := e.WaitState(ctx, id, protocol.StateLive); err != nil {
		t.Fatal(err)
	}
}

func stopSession(ctx context.Context, t *testing.T, e *servertest.Editor, id string) *protocol.SessionInfo {
	t.Helper()
	result, err := e.Server.StopSession(ctx, &protocol.SessionParams{ID: id})
	if err != nil {
		t.Fatal(err)
	}
	return &result.Session
}

type cartAnswer struct {
	ServedBy string            `json:"servedBy"`
	Total    int               `json:"total"`
	Settings map[string]string `json:"settings"`
}

// callCart lets the cluster call cart on a new connection.
func callCart(ctx context.Context) (*cartAnswer, error) {
	raw, err := world.Call(ctx, shop, "http://cart/cart/ann", true)
	if err != nil {
		return nil, err
	}
	var a cartAnswer
	return &a, json.Unmarshal(raw, &a)
}

// waitServedBy waits until cart is answered by the workstation, or by the origin.
func waitServedBy(ctx context.Context, t *testing.T, workstation bool) *cartAnswer {
	t.Helper()
	var answer *cartAnswer
	err := cluster.Wait(ctx, fmt.Sprintf("an answer of the workstation=%v", workstation), func() (bool, error) {
		var err error
		answer, err = callCart(ctx)
		return err == nil && cluster.AtWorkstation(answer.ServedBy) == workstation, err
	})
	if err != nil {
		t.Fatal(err)
	}
	return answer
}
