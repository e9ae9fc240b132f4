package main

import (
	"context"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/kubetunnel/kubetunnel/test/devcluster/internal/binaries"
	"github.com/kubetunnel/kubetunnel/test/devcluster/internal/host"
	"github.com/kubetunnel/kubetunnel/test/devcluster/internal/image"
	"github.com/kubetunnel/kubetunnel/test/devcluster/internal/pki"
)

// upOptions are the flags of up.
type upOptions struct {
	nodes             int
	kubeconfig, cache string
	src               string
}

// upTimeout bounds the start of the programs; building them takes its own time.
const upTimeout = 3 * time.Minute

// raiser brings one cluster up.
type raiser struct {
	layout
	opts  upOptions
	say   func(string, ...any)
	state *state
}

func up(ctx context.Context, l layout, opts upOptions, say func(string, ...any)) error {
	if err := host.EnsurePackages(ctx, say); err != nil {
		return err
	}
	if healthy(ctx, l) == nil {
		say("cluster %s is up", l.Name)
		return copyKubeconfig(l, opts.kubeconfig)
	}
	if err := down(ctx, l, say); err != nil {
		return fmt.Errorf("clean what a former run left: %w", err)
	}
	programs, err := binaries.Build(ctx, opts.src, opts.cache, say)
	if err != nil {
		return err
	}
	r := &raiser{layout: l, opts: opts, say: say, state: &state{
		Nodes: opts.nodes, Binaries: programs, Processes: map[string]host.Process{}, Commands: map[string][]string{},
	}}
	ctx, cancel := context.WithTimeout(ctx, upTimeout)
	defer cancel()
	if err := r.raise(ctx); err != nil {
		err = fmt.Errorf("%w\n%s", err, r.keepLogs())
		cleanCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		return errors.Join(err, down(cleanCtx, l, say))
	}
	return copyKubeconfig(l, opts.kubeconfig)
}

func (r *raiser) raise(ctx context.Context) error {
	began := time.Now()
	for _, step := range []struct {
		say string
		do  func(context.Context) error
	}{
		{"making certificates and configurations", r.prepare},
		{"making the network", r.makeNetwork},
		{"starting etcd and kube-apiserver", r.startAPI},
		{"starting controllers, containerd, kubelet, kube-proxy", r.startRest},
		{"waiting for the nodes", r.waitNodes},
		{"starting CoreDNS", r.startDNS},
	} {
		r.say("%s", step.say)
		if err := step.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", step.say, err)
		}
	}
	r.state.Ready = true
	r.say("cluster %s is up after %.1f s", r.Name, time.Since(began).Seconds())
	return r.save(r.state)
}

func (r *raiser) prepare(context.Context) error {
	for _, dir := range []string{r.run(), r.data(), r.logs()} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	for _, dir := range hidden() {
		if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
			r.state.Made = append(r.state.Made, dir)
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return err
			}
		}
	}
	if err := r.save(r.state); err != nil {
		return err
	}
	if err := host.MakeCgroup(r.Name); err != nil {
		return err
	}
	if err := r.issueCertificates(); err != nil {
		return err
	}
	for n := 1; n <= r.state.Nodes; n++ {
		if err := r.writeNode(r.node(n)); err != nil {
			return err
		}
	}
	return nil
}

func (r *raiser) issueCertificates() error {
	ca, err := pki.New(r.pki())
	if err != nil {
		return err
	}
	dns := []string{"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc." + clusterZone, "localhost"}
	ips := []net.IP{net.ParseIP(r.nodeAddress(1)), net.ParseIP(firstService), net.ParseIP("127.0.0.1")}
	if err := ca.Issue("apiserver", pkix.Name{CommonName: "kube-apiserver"}, dns, ips); err != nil {
		return err
	}
	if err := ca.Issue("apiserver-kubelet", pkix.Name{CommonName: "kube-apiserver", Organization: []string{"system:masters"}}, nil, nil); err != nil {
		return err
	}
	configs := []struct {
		path, user string
		groups     []string
	}{
		{filepath.Join(r.pki(), "controller-manager.conf"), "system:kube-controller-manager", nil},
		{filepath.Join(r.pki(), "scheduler.conf"), "system:kube-scheduler", nil},
		{filepath.Join(r.pki(), "proxy.conf"), "system:kube-proxy", nil},
		{r.layout.kubeconfig(), "admin", []string{"system:masters"}},
	}
	for _, c := range configs {
		if err := ca.Kubeconfig(c.path, r.server(), r.Name, c.user, c.groups); err != nil {
			return err
		}
	}
	for n := 1; n <= r.state.Nodes; n++ {
		d := r.node(n)
		if err := os.MkdirAll(d.dir("cni"), 0o755); err != nil {
			return err
		}
		if err := ca.Kubeconfig(d.dir("kubelet.conf"), r.server(), r.Name, "system:node:"+nodeName(n), []string{"system:nodes"}); err != nil {
			return err
		}
	}
	return nil
}

func (r *raiser) writeNode(d nodeDirs) error {
	for path, content := range map[string]string{
		d.dir("containerd.toml"):      containerdConfig(d, pauseRef),
		d.dir("cni/10-pods.conflist"): cniConfig(d.n),
		d.dir("kubelet.yaml"):         kubeletConfig(d, host.Cgroup(r.Name)),
		d.dir("proxy.yaml"):           proxyConfig(d),
		d.dir("resolv.conf"):          "",
	} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			return err
		}
	}
	return host.MakeCgroup(filepath.Join(r.Name, nodeName(d.n)))
}

func (r *raiser) makeNetwork(ctx context.Context) error {
	var holders []host.Process
	for n := 1; n <= r.state.Nodes; n++ {
		name := r.node(n).component("holder")
		p, err := r.spawn(name, 0, "unshare", "--net", "--mount", "sh", "-c", holdScript())
		if err != nil {
			return err
		}
		err = host.Poll(ctx, 5*time.Millisecond, func() (bool, error) {
			if !p.Alive() {
				return false, errors.New(host.Tail(r.log(name), 5))
			}
			cmdline, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p.PID))
			return err == nil && len(cmdline) > 5 && string(cmdline[:5]) == "sleep", nil
		})
		if err != nil {
			return err
		}
		holders = append(holders, p)
	}
	return connect(ctx, r.layout, holders)
}

// spawn starts a component and remembers it.
func (r *raiser) spawn(name string, holder int, args ...string) (host.Process, error) {
	p, err := host.Start(holder, r.log(name), []string{host.Marker + "=" + r.Name}, args...)
	if err != nil {
		return p, err
	}
	r.state.Processes[name], r.state.Commands[name] = p, args
	return p, r.save(r.state)
}

func (r *raiser) holderOf(n int) int { return r.state.Processes[r.node(n).component("holder")].PID }

func (r *raiser) startAPI(ctx context.Context) error {
	commands := controlPlane(r.layout, r.state.Binaries)
	for _, name := range []string{"etcd", "apiserver"} {
		if _, err := r.spawn(name, r.holderOf(1), commands[name]...); err != nil {
			return err
		}
	}
	return waitAPI(ctx, r.layout, func() error { return r.died("etcd", "apiserver") })
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

func (r *raiser) startRest(ctx context.Context) error {
	commands := controlPlane(r.layout, r.state.Binaries)
	for _, name := range []string{"controller-manager", "scheduler"} {
		if _, err := r.spawn(name, r.holderOf(1), commands[name]...); err != nil {
			return err
		}
	}
	images, err := r.buildImages()
	if err != nil {
		return err
	}
	for n := 1; n <= r.state.Nodes; n++ {
		d := r.node(n)
		programs := nodePrograms(d, r.state.Binaries)
		if _, err := r.spawn(d.component("containerd"), r.holderOf(n), programs[d.component("containerd")]...); err != nil {
			return err
		}
		if err := waitContainerd(ctx, d, r); err != nil {
			return err
		}
		if err := importImages(ctx, d, images); err != nil {
			return err
		}
		for _, name := range []string{d.component("kubelet"), d.component("proxy")} {
			if _, err := r.spawn(name, r.holderOf(n), programs[name]...); err != nil {
				return err
			}
		}
	}
	return nil
}

const (
	pauseRef   = "devcluster.test/pause:1"
	coreDNSRef = "devcluster.test/coredns:1"
)

func (r *raiser) buildImages() ([]string, error) {
	specs := map[string]image.Spec{
		"pause":   {Ref: pauseRef, User: "65532", Entrypoint: []string{"/pause"}, Files: []string{filepath.Join(r.state.Binaries, "pause") + ":/pause"}},
		"coredns": {Ref: coreDNSRef, User: "65532", Entrypoint: []string{"/coredns"}, Files: []string{filepath.Join(r.state.Binaries, "coredns") + ":/coredns"}},
	}
	var paths []string
	for name, spec := range specs {
		path := filepath.Join(r.data(), name+".tar")
		if err := image.Write(spec, path); err != nil {
			return nil, err
		}
		paths = append(paths, path)
	}
	return paths, nil
}

// keepLogs copies the logs out of the state that is about to be removed.
func (r *raiser) keepLogs() string {
	kept := filepath.Join(r.opts.cache, "logs", r.Name)
	_ = os.RemoveAll(kept)
	if err := os.MkdirAll(filepath.Dir(kept), 0o755); err != nil {
		return ""
	}
	if err := os.CopyFS(kept, os.DirFS(r.logs())); err != nil {
		return ""
	}
	return "logs are kept in " + kept
}

func copyKubeconfig(l layout, to string) error {
	if to == "" || to == l.kubeconfig() {
		return nil
	}
	content, err := os.ReadFile(l.kubeconfig())
	if err != nil {
		return err
	}
	return os.WriteFile(to, content, 0o600)
}
