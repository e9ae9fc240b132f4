package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/kubetunnel/kubetunnel/test/devcluster/internal/host"
	"github.com/kubetunnel/kubetunnel/test/devcluster/internal/image"
)

// makeNetwork starts each node's holder, a process that keeps its namespaces, and
// connects the nodes.
func (r *raiser) makeNetwork(ctx context.Context) error {
	var holders []host.Process
	for n := 1; n <= r.state.Nodes; n++ {
		p, err := r.startHolder(ctx, r.node(n).component(holder))
		if err != nil {
			return err
		}
		holders = append(holders, p)
	}
	return wiring{r.layout, holders}.connect(ctx)
}

const holder = "holder"

func (r *raiser) startHolder(ctx context.Context, name string) (host.Process, error) {
	// It begins as this very program, covers the machine's folders, and goes on as pause.
	p, err := r.spawn(name, 0, "/proc/self/exe", "--name", r.Name, "hold")
	if err != nil {
		return p, err
	}
	pause, err := os.Stat(filepath.Join(r.programs(), "pause"))
	if err != nil {
		return p, err
	}
	return p, host.Poll(ctx, 5*time.Millisecond, func() (pending, fatal error) {
		if err := r.died(name); err != nil {
			return nil, err
		}
		program, err := os.Stat(fmt.Sprintf("/proc/%d/exe", p.PID))
		if err != nil || !os.SameFile(program, pause) {
			return fmt.Errorf("%s does not hold its namespaces yet", name), nil
		}
		return nil, nil
	})
}

// spawn starts a component and remembers it.
func (r *raiser) spawn(name string, holder int, args ...string) (host.Process, error) {
	p, err := host.Start(host.Command{
		Holder: holder,
		Log:    r.log(name),
		Env:    []string{"PATH=" + host.Path, "HOME=" + r.temp(), "TMPDIR=" + r.temp(), host.Marker(r.Name)},
		Args:   args,
	})
	if err != nil {
		return p, err
	}
	r.state.Processes[name], r.state.Commands[name] = p, args
	return p, r.save(r.state)
}

// holderOf is the process in whose namespaces a node's programs run.
func (s *state) holderOf(node int) int {
	return s.Processes[fmt.Sprintf("%s-%s", nodeName(node), holder)].PID
}

// died names a component that has ended, with the end of its log.
func (r *raiser) died(names ...string) error {
	for _, name := range names {
		if !r.state.Processes[name].Alive() {
			return fmt.Errorf("%s ended:\n%s", name, host.Tail(r.log(name), 15))
		}
	}
	return nil
}

func (r *raiser) startAPI(ctx context.Context) error {
	if err := r.startControlPlane("etcd", "apiserver"); err != nil {
		return err
	}
	return waitAPI(ctx, r.layout, func() error { return r.died("etcd", "apiserver") })
}

func (r *raiser) startControlPlane(names ...string) error {
	commands := controlPlane(r.layout)
	commands["apiserver"] = append(commands["apiserver"], r.auditFlags(r.state.AuditLog)...)
	for _, name := range names {
		if _, err := r.spawn(name, r.state.holderOf(1), commands[name]...); err != nil {
			return err
		}
	}
	return nil
}

func (r *raiser) startRest(ctx context.Context) error {
	if err := r.startControlPlane("controller-manager", "scheduler"); err != nil {
		return err
	}
	images, err := r.buildImages()
	if err != nil {
		return err
	}
	for n := 1; n <= r.state.Nodes; n++ {
		if err := r.startNode(ctx, r.node(n), images); err != nil {
			return fmt.Errorf("%s: %w", nodeName(n), err)
		}
	}
	return nil
}

func (r *raiser) startNode(ctx context.Context, d nodeDirs, images []string) error {
	programs := nodePrograms(d)
	start := func(name string) error {
		_, err := r.spawn(d.component(name), r.state.holderOf(d.n), programs[d.component(name)]...)
		return err
	}
	if err := start("containerd"); err != nil {
		return err
	}
	if err := waitContainerd(ctx, d, func() error { return r.died(d.component("containerd")) }); err != nil {
		return err
	}
	if err := importImages(ctx, d, images); err != nil {
		return err
	}
	if err := start("kubelet"); err != nil {
		return err
	}
	return start("proxy")
}

const (
	pauseRef   = "devcluster.test/pause:1"
	coreDNSRef = "devcluster.test/coredns:1"
)

func (r *raiser) buildImages() ([]string, error) {
	var paths []string
	for _, spec := range []image.Spec{
		{Ref: pauseRef, User: "65532", Entrypoint: []string{"/pause"}, Files: []string{filepath.Join(r.programs(), "pause") + ":/pause"}},
		{Ref: coreDNSRef, User: "65532", Entrypoint: []string{"/coredns"}, Files: []string{filepath.Join(r.programs(), "coredns") + ":/coredns"}},
	} {
		path := filepath.Join(r.temp(), spec.Entrypoint[0]+".tar")
		if err := image.Write(spec, path); err != nil {
			return nil, err
		}
		paths = append(paths, path)
	}
	return paths, nil
}
