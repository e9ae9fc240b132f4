package main

import (
	"context"
	"fmt"
	"sort"
	"strings"
	"syscall"

	"github.com/kubetunnel/kubetunnel/test/devcluster/internal/host"
)

// find gives a component's full name: those of nodes may be named without the
// node when there is one.
func (s *state) find(name string) (string, error) {
	if _, ok := s.Processes[name]; ok {
		return name, nil
	}
	if _, ok := s.Processes["node1-"+name]; ok && s.Nodes == 1 {
		return "node1-" + name, nil
	}
	var known []string
	for n := range s.Processes {
		known = append(known, n)
	}
	sort.Strings(known)
	return "", fmt.Errorf("there is no component %q; there are %s", name, strings.Join(known, ", "))
}

// kill ends a component without warning and leaves it dead.
func kill(ctx context.Context, l layout, name string) error {
	st, err := l.load()
	if err != nil {
		return fmt.Errorf("cluster %s is not up: %w", l.Name, err)
	}
	name, err = st.find(name)
	if err != nil {
		return err
	}
	p := st.Processes[name]
	if err := p.Signal(syscall.SIGKILL); err != nil {
		return err
	}
	return p.WaitEnd(ctx)
}

// restart ends a component and starts it again.
func restart(ctx context.Context, l layout, name string) error {
	if err := kill(ctx, l, name); err != nil {
		return err
	}
	st, err := l.load()
	if err != nil {
		return err
	}
	if name, err = st.find(name); err != nil {
		return err
	}
	holder := "node1-holder"
	if node, _, ok := strings.Cut(name, "-"); ok && strings.HasPrefix(node, "node") {
		holder = node + "-holder"
	}
	r := &raiser{layout: l, state: st}
	if _, err := r.spawn(name, st.Processes[holder].PID, st.Commands[name]...); err != nil {
		return err
	}
	if name == "apiserver" || name == "etcd" {
		return waitAPI(ctx, l, func() error { return r.died(name) })
	}
	return nil
}

// setLink cuts or heals the link between the host and the cluster: packets get lost, nobody is told.
func setLink(ctx context.Context, l layout, cut bool) error {
	if cut {
		return host.Run(ctx, "tc", "qdisc", "replace", "dev", l.link(), "root", "netem", "loss", "100%")
	}
	return host.Run(ctx, "tc", "qdisc", "del", "dev", l.link(), "root")
}
