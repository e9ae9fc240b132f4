package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/kubetunnel/kubetunnel/test/devcluster/internal/binaries"
	"github.com/kubetunnel/kubetunnel/test/devcluster/internal/host"
)

// upOptions are the flags of up.
type upOptions struct {
	nodes             int
	onlyIPv4          bool
	kubeconfig, cache string
	src               string
	audit             bool
}

// upTimeout bounds the start of the programs; building them takes its own time.
const upTimeout = 3 * time.Minute

func up(ctx context.Context, l layout, opts upOptions, say func(string, ...any)) error {
	if err := host.EnsurePackages(ctx, say); err != nil {
		return err
	}
	lock, err := host.Lock(ctx, l.Name, say)
	if err != nil {
		return err
	}
	defer func() { _ = lock.Close() }()
	if done, err := alreadyUp(ctx, l, opts, say); done || err != nil {
		return err
	}
	if err := removeTraces(ctx, l, say); err != nil {
		return fmt.Errorf("clean what a former run left: %w", err)
	}
	// The marker lets down end a build whose up was killed.
	programs, err := binaries.Build(ctx, opts.src, opts.cache, host.Marker(l.Name), say)
	if err != nil {
		return err
	}
	l.slot, err = freeSlot(preferredSlot(l.Name), func(slot int) bool {
		return linkExists(layout{slot: slot}.link())
	})
	if err != nil {
		return err
	}
	l.dualStack = families(opts.onlyIPv4, say)
	r := &raiser{layout: l, built: programs, say: say, state: &state{
		Slot: l.slot, Nodes: opts.nodes, DualStack: l.dualStack, Processes: map[string]host.Process{}, Commands: map[string][]string{},
	}}
	if opts.audit {
		r.state.AuditLog = l.auditLog()
	}
	if err := r.raiseOrClean(ctx, filepath.Join(opts.cache, "logs", l.Name)); err != nil {
		return err
	}
	return copyKubeconfig(l, opts.kubeconfig)
}

// alreadyUp tells whether the cluster that is asked for is there.
func alreadyUp(ctx context.Context, l layout, opts upOptions, say func(string, ...any)) (bool, error) {
	problem := healthy(ctx, l)
	if errors.Is(problem, errNotUp) {
		return false, nil
	}
	if problem != nil {
		say("%v: starting anew", problem)
		return false, nil
	}
	st, err := l.load()
	if err != nil {
		return false, err
	}
	if st.Nodes != opts.nodes {
		return false, fmt.Errorf("cluster %s is up with %d nodes, not %d: take it down first, or choose another --name", l.Name, st.Nodes, opts.nodes)
	}
	if opts.audit && st.AuditLog == "" {
		return false, fmt.Errorf("cluster %s is up without an audit log: take it down first, or choose another --name", l.Name)
	}
	if st.DualStack && opts.onlyIPv4 {
		return false, fmt.Errorf("cluster %s is up with IPv6: take it down first, or choose another --name", l.Name)
	}
	say("cluster %s is up", l.Name)
	return true, copyKubeconfig(l, opts.kubeconfig)
}

// raiser brings one cluster up.
type raiser struct {
	layout
	built string
	say   func(string, ...any)
	state *state
}

// raiseOrClean leaves a cluster that can be used, or nothing but its logs.
func (r *raiser) raiseOrClean(ctx context.Context, keptLogs string) error {
	raiseCtx, cancel := context.WithTimeout(ctx, upTimeout)
	defer cancel()
	err := r.raise(raiseCtx)
	if err == nil {
		return nil
	}
	if keepErr := keepLogs(r.logs(), keptLogs); keepErr == nil {
		err = fmt.Errorf("%w\nthe logs are kept in %s", err, keptLogs)
	}
	return errors.Join(err, removeTraces(context.WithoutCancel(ctx), r.layout, r.say))
}

func (r *raiser) raise(ctx context.Context) error {
	began := time.Now()
	for _, step := range []struct {
		say string
		// log is the component whose log tells more when the step fails.
		log string
		do  func(context.Context) error
	}{
		{"making certificates and configurations", "", r.prepare},
		{"making the network", "", r.makeNetwork},
		{"starting etcd and kube-apiserver", "apiserver", r.startAPI},
		{"starting controllers, containerd, kubelet, kube-proxy", "node1-containerd", r.startRest},
		{"waiting for the nodes", "node1-kubelet", r.waitNodes},
		{"starting CoreDNS", "node1-kubelet", r.startDNS},
	} {
		r.say("%s", step.say)
		if err := step.do(ctx); err != nil {
			err = fmt.Errorf("%s: %w", step.say, err)
			if tail := host.Tail(r.log(step.log), 15); step.log != "" && tail != "" {
				err = fmt.Errorf("%w\nthe end of %s's log:\n%s", err, step.log, tail)
			}
			return err
		}
	}
	r.state.Ready = true
	r.say("cluster %s is up after %.1f s", r.Name, time.Since(began).Seconds())
	return r.save(r.state)
}

// keepLogs copies the logs out of the state that is about to be removed.
func keepLogs(from, to string) error {
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.CopyFS(to, os.DirFS(from))
}

func copyKubeconfig(l layout, to string) error {
	if to == "" || to == l.kubeconfig() {
		return nil
	}
	content, err := os.ReadFile(l.kubeconfig())
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, content, 0o600)
}
