package agent

import (
	"context"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/kubetunnel/kubetunnel/engine/tunnel"
	"github.com/kubetunnel/kubetunnel/operator/control"
)

// startTwin runs a twin until the test ends or stop is called.
func startTwin(t *testing.T, socket string) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	group.Go(func() { Twin(ctx, socket, nil) })
	stop = func() { cancel(); group.Wait() }
	t.Cleanup(stop)
	return stop
}

func listenUnix(t *testing.T, socket string) net.Listener {
	t.Helper()
	_ = os.Remove(socket)
	return must(net.Listen("unix", socket))(t)
}

func environment(t *testing.T, s tunnel.Stream) tunnel.Environment {
	t.Helper()
	var env tunnel.Environment
	if err := json.NewDecoder(s).Decode(&env); err != nil {
		t.Fatal(err)
	}
	return env
}

func TestClientThatMayInheritGetsTheTwinsEnvironment(t *testing.T) {
	t.Setenv("FROM_THE_IMAGE", "yes=no")
	socket := filepath.Join(t.TempDir(), "twin.sock")
	w := newWorld(t, withTwin(listenUnix(t, socket)))
	e := w.attach(workstation)
	if got := w.agent.Observe().Twin; got != "waiting" {
		t.Errorf("twin: %s", got)
	}
	// It is asked for before there is a twin, and waited for.
	s := e.open(tunnel.Header{Kind: tunnel.KindEnv})
	startTwin(t, socket)
	env := environment(t, s)
	if !slices.Contains(env.Env, "FROM_THE_IMAGE=yes=no") || len(env.Env) != len(os.Environ()) {
		t.Errorf("env: %q", env.Env)
	}
	hostname, _ := os.Hostname()
	workdir, _ := os.Getwd()
	if env.Hostname != hostname || env.Workdir != workdir || env.UID != os.Getuid() || env.GID != os.Getgid() {
		t.Errorf("environment: %+v", env)
	}
	if got := w.agent.Observe().Twin; got != "ready" {
		t.Errorf("twin: %s", got)
	}
}

func TestClientThatMayNotInheritIsForbidden(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "twin.sock")
	w := newWorld(t, withTwin(listenUnix(t, socket)))
	startTwin(t, socket)
	e := w.attach(workstation)
	w.apply(func(d *control.Desired) { d.Clients[0].Inherit = false })
	if got := e.refusedWith(tunnel.Header{Kind: tunnel.KindEnv}); got != tunnel.RefusedForbidden {
		t.Errorf("got %s", got)
	}
}

func TestTwinComesBackToARestartedAgent(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "twin.sock")
	first := newWorld(t, withTwin(listenUnix(t, socket)))
	startTwin(t, socket)
	eventually(t, "ready", func() bool { return first.agent.Observe().Twin == "ready" })
	first.stop()
	<-first.stopped
	second := newWorld(t, withTwin(listenUnix(t, socket)))
	eventually(t, "ready again", func() bool { return second.agent.Observe().Twin == "ready" })
}

func TestEnvironmentIsKnownWhileTheTwinIsAwayAndOfTheNewestTwin(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "twin.sock")
	w := newWorld(t, withTwin(listenUnix(t, socket)))
	stop := startTwin(t, socket)
	e := w.attach(workstation)
	environment(t, e.open(tunnel.Header{Kind: tunnel.KindEnv}))
	stop()
	environment(t, e.open(tunnel.Header{Kind: tunnel.KindEnv}))
	t.Setenv("RESTARTED", "1")
	startTwin(t, socket)
	eventually(t, "the new environment", func() bool {
		return slices.Contains(environment(t, e.open(tunnel.Header{Kind: tunnel.KindEnv})).Env, "RESTARTED=1")
	})
}

func TestTwinThatTalksNonsenseIsLetGo(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "twin.sock")
	w := newWorld(t, withTwin(listenUnix(t, socket)))
	for _, answer := range []string{"what?\n", `{"error":"no"}` + "\n", `{}` + "\n", ""} {
		conn := must(net.Dial("unix", socket))(t)
		_, _ = conn.Write([]byte(answer))
		_ = conn.(*net.UnixConn).CloseWrite()
		b := make([]byte, 100)
		for {
			if _, err := conn.Read(b); err != nil {
				break
			}
		}
		_ = conn.Close()
	}
	startTwin(t, socket)
	eventually(t, "a real one is heard", func() bool { return w.agent.Observe().Twin == "ready" })
}

func TestTwinTellsMountsAndLeavesOutTheOperatorsOwnServices(t *testing.T) {
	t.Setenv("CURRENCY", "EUR")
	t.Setenv("KT_8904A4FD6D_ORIGIN_PORT", "tcp://10.96.0.7:80")
	t.Setenv("KT_8904A4FD6D_ORIGIN_SERVICE_HOST", "10.96.0.7")
	t.Setenv("KT_8904A4FD6D_ORIGINAL", "the app's own")
	dir := t.TempDir()
	if err := os.Chmod(dir, os.ModeSticky|0o777); err != nil {
		t.Fatal(err)
	}
	e := (&twin{mounts: []tunnel.Mount{{Path: dir, Name: "work", SubPathExpr: "$(CURRENCY)/$$(CURRENCY)/$(NOT_SET)"}}}).environment()
	if m := e.Mounts[0]; m.SubPath != "EUR/$(CURRENCY)/$(NOT_SET)" || m.SubPathExpr != "" || m.Mode != 0o1777 || m.UID != os.Getuid() {
		t.Errorf("mount %+v", m)
	}
	var ours []string
	for _, entry := range e.Env {
		if name, _, _ := strings.Cut(entry, "="); strings.HasPrefix(name, "KT_") {
			ours = append(ours, name)
		}
	}
	if !slices.Equal(ours, []string{"KT_8904A4FD6D_ORIGINAL"}) {
		t.Errorf("variables %v", ours)
	}
}

func TestTwinAnswersWhatItDoesNotKnowWithAnError(t *testing.T) {
	for _, question := range []string{`{"op":"dance"}`, `{}`, `nonsense`} {
		if a := (&twin{}).answerTo([]byte(question)); a.Error == "" || a.Env != nil {
			t.Errorf("%s: %+v", question, a)
		}
	}
}
