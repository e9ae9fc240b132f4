package main

import (
	"context"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"syscall"

	"github.com/kubetunnel/kubetunnel/test/devcluster/internal/binaries"
	"github.com/kubetunnel/kubetunnel/test/devcluster/internal/host"
	"github.com/kubetunnel/kubetunnel/test/devcluster/internal/pki"
)

// prepare makes everything that is only files.
func (r *raiser) prepare(context.Context) error {
	for _, dir := range []string{r.run(), r.data(), r.logs(), r.temp(), r.programs()} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	if err := errors.Join(r.save(r.state), r.writeAuditPolicy()); err != nil {
		return err
	}
	for _, program := range binaries.Programs {
		if err := linkOrCopy(filepath.Join(r.built, program), filepath.Join(r.programs(), program)); err != nil {
			return fmt.Errorf("program %s: %w", program, err)
		}
	}
	if err := r.issueCertificates(); err != nil {
		return fmt.Errorf("certificates: %w", err)
	}
	for n := 1; n <= r.state.Nodes; n++ {
		if err := r.writeNode(r.node(n)); err != nil {
			return err
		}
		if err := host.MakeCgroup(r.Name, nodeName(n)); err != nil {
			return err
		}
	}
	return nil
}

func linkOrCopy(from, to string) error {
	err := os.Link(from, to)
	if err == nil || !errors.Is(err, syscall.EXDEV) {
		return err
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755) //nolint:gosec // a program
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
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
	for _, c := range r.kubeconfigs() {
		if err := os.MkdirAll(filepath.Dir(c.path), 0o755); err != nil {
			return err
		}
		if err := ca.Kubeconfig(c.path, r.server(), r.Name, c.user, c.groups); err != nil {
			return err
		}
	}
	return nil
}

// identity is somebody who talks to the API server, and the kubeconfig for that.
type identity struct {
	path, user string
	groups     []string
}

func (r *raiser) kubeconfigs() []identity {
	all := []identity{
		{filepath.Join(r.pki(), "controller-manager.conf"), "system:kube-controller-manager", nil},
		{filepath.Join(r.pki(), "scheduler.conf"), "system:kube-scheduler", nil},
		{filepath.Join(r.pki(), "proxy.conf"), "system:kube-proxy", nil},
		{r.kubeconfig(), "admin", []string{"system:masters"}},
	}
	for n := 1; n <= r.state.Nodes; n++ {
		all = append(all, identity{r.node(n).dir("kubelet.conf"), "system:node:" + nodeName(n), []string{"system:nodes"}})
	}
	return all
}

func (r *raiser) writeNode(d nodeDirs) error {
	if err := makeCNI(d); err != nil {
		return fmt.Errorf("CNI programs: %w", err)
	}
	if err := os.MkdirAll(d.dir("cni"), 0o755); err != nil {
		return err
	}
	for path, content := range map[string]string{
		d.dir("containerd.toml"):      containerdConfig(d, pauseRef),
		d.dir("cni/10-pods.conflist"): cniConfig(d),
		d.dir("kubelet.yaml"):         kubeletConfig(d, host.Cgroup(r.Name)),
		d.dir("proxy.yaml"):           proxyConfig(d),
		d.dir("resolv.conf"):          "",
	} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			return err
		}
	}
	return nil
}
