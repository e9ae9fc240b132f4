package main

import (
	"context"
	"fmt"
	"sort"
	"strings"

	"github.com/kubetunnel/kubetunnel/test/devcluster/internal/host"
)

// find gives a component's full name: those of nodes may be named without the
// node when there is one.
func (s *state) find(name string) (string, error) {
	var known []string
	for n := range s.Processes {
		if !strings.HasSuffix(n, "-"+holder) {
			known = append(known, n)
		}
	}
	sort.Strings(known)
	for _, candidate := range []string{name, nodeName(1) + "-" + name} {
		if candidate != name && s.Nodes > 1 {
			break
		}
		for _, n := range known {
			if n == candidate {
				return n, nil
			}
		}
	}
	return "", fmt.Errorf("there is no component %q; there are %s", name, strings.Join(known, ", "))
}

// nodeOf is the number of the node on which a component runs.
func (s *state) nodeOf(component string) int {
	for n := 2; n <= s.Nodes; n++ {
		if strings.HasPrefix(component, nodeName(n)+"-") {
			return n
		}
	}
	return 1
}

// kill ends a component without warning and leaves it dead.
func kill(ctx context.Context, st *state, name string) error {
	name, err := st.find(name)
	if err != nil {
		return err
	}
	if err := st.Processes[name].Kill(); err != nil {
		return err
	}
	return st.Processes[name].WaitEnd(ctx)
}

// restart ends a component, if it runs, starts it again, and waits until it can be used.
func restart(ctx context.Context, l layout, st *state, name string) error {
	name, err := st.find(name)
	if err != nil {
		return err
	}
	if err := kill(ctx, st, name); err != nil {
		return err
	}
	r := &raiser{layout: l, state: st}
	node := st.nodeOf(name)
	if _, err := r.spawn(name, st.holderOf(node), st.Commands[name]...); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, upTimeout)
	defer cancel()
	died := func() error { return r.died(name) }
	switch kind := strings.TrimPrefix(name, nodeName(node)+"-"); kind {
	case "etcd", "apiserver":
		return waitAPI(ctx, l, died)
	case "containerd":
		return waitContainerd(ctx, l.node(node), died)
	default:
		return waitHealthy(ctx, st.holderOf(node), healthOf[kind], died)
	}
}

// dropTable drops what passes the host's port of the cluster and fits a condition, both
// ways and without a word. ARP still passes: a far network that loses packets has no
// neighbour that stops answering.
func dropTable(condition string) string {
	const chain = "  chain %s { type filter hook %s device %q priority 0; meta protocol { ip, ip6 } %s drop; }\n"
	return "table netdev devcluster-cut {\n" +
		fmt.Sprintf(chain, "in", "ingress", hostPort, condition) + fmt.Sprintf(chain, "out", "egress", hostPort, condition) + "}\n"
}

func cut(ctx context.Context, st *state) error {
	return inFirstNode(ctx, st, noCut+dropTable(""))
}

// lose drops some of the packets, each way.
func lose(ctx context.Context, st *state, percent int) error {
	return inFirstNode(ctx, st, noCut+dropTable(fmt.Sprintf("numgen random mod 100 < %d", percent)))
}

// noCut removes the table, there or not.
const noCut = "table netdev devcluster-cut {}\ndelete table netdev devcluster-cut\n"

func heal(ctx context.Context, l layout, st *state) error {
	if err := inFirstNode(ctx, st, noCut); err != nil {
		return err
	}
	for node := 2; node <= st.Nodes; node++ {
		if err := plug(ctx, st, node, "up"); err != nil {
			return err
		}
	}
	return bothEnds(ctx, l, st, "noqueue")
}

// slow lets so many kilobits a second through, each way, with a queue of half a second
// before them, like the narrow end of a line.
func slow(ctx context.Context, l layout, st *state, kilobits int) error {
	return bothEnds(ctx, l, st, "tbf", "rate", fmt.Sprintf("%dkbit", kilobits), "burst", "16k", "latency", "500ms")
}

// bothEnds gives the link between host and cluster a queueing discipline, each way.
func bothEnds(ctx context.Context, l layout, st *state, discipline ...string) error {
	queue := func(port string) []string {
		return append([]string{"tc", "qdisc", "replace", "dev", port, "root"}, discipline...)
	}
	if err := host.Run(ctx, queue(l.link())...); err != nil {
		return err
	}
	return host.Run(ctx, st.first().in(1, queue(hostPort)...)...)
}

// unplug takes a node off the network, as when its machine has lost its power: what
// runs there is heard of no more.
func unplug(ctx context.Context, st *state, name string) error {
	for node := 2; node <= st.Nodes; node++ {
		if nodeName(node) == name {
			return plug(ctx, st, node, "down")
		}
	}
	return fmt.Errorf("unplug %q: the network is node1's, so of %d nodes those after it can be unplugged", name, st.Nodes)
}

func plug(ctx context.Context, st *state, node int, to string) error {
	return host.Run(ctx, st.first().in(1, "ip", "link", "set", nodeName(node), to)...)
}

// delay makes every round trip between host and cluster longer.
func delay(ctx context.Context, l layout, milliseconds int) error {
	err := host.Run(ctx, "tc", "qdisc", "replace", "dev", l.link(), "root", "netem", "limit", "100000", "delay", fmt.Sprintf("%dms", milliseconds))
	if err != nil {
		return fmt.Errorf("delay packets (the kernel must have sch_netem): %w", err)
	}
	return nil
}

func inFirstNode(ctx context.Context, st *state, rules string) error {
	return host.RunWith(ctx, rules, st.first().in(1, "nft", "-f", "-")...)
}

// first is the wiring of the first node alone.
func (s *state) first() wiring { return wiring{holders: []host.Process{{PID: s.holderOf(1)}}} }
