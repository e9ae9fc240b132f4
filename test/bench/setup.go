package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubetunnel/kubetunnel/engine/private"
	"github.com/kubetunnel/kubetunnel/server/servertest"
	"github.com/kubetunnel/kubetunnel/test/cluster"
)

//go:embed bench.yaml
var manifests string

const (
	targetImage  = "bench.example/target:dev"
	targetBinary = "build/bench/target"
)

// buildTarget builds the target, and its image among those that the cluster is given.
func buildTarget(ctx context.Context) error {
	for _, dir := range []string{filepath.Dir(targetBinary), "build/images"} {
		if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // build output
			return err
		}
	}
	for _, args := range [][]string{
		{"go", "build", "-trimpath", "-ldflags", "-s -w", "-o", targetBinary, "./test/bench/target"},
		{
			"bin/devcluster", "image", "--ref", targetImage, "-o", "build/images/bench-target.tar",
			"--user", "1000:1000", "--entrypoint", "/target", "--file", targetBinary + ":/target",
		},
	} {
		cmd := exec.CommandContext(ctx, args[0], args[1:]...) //nolint:gosec // our own
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%v (make bench builds what is needed): %w: %s", args, err, out)
		}
	}
	return nil
}

// bench is one run.
type bench struct {
	options
	cluster *cluster.Cluster
	report  *report
	editor  *servertest.Editor

	// called and failed count the prober's calls, failedLoad the load generator's failed ones.
	called, failed int
	failedLoad     int64
}

func (b *bench) run(ctx context.Context) (err error) {
	if err := b.prepare(ctx); err != nil {
		return err
	}
	folder, err := private.New() // swept when this run is killed
	if err != nil {
		return err
	}
	dir := folder.Path()
	defer func() { err = errors.Join(err, folder.Remove()) }()
	b.kubeconfig = filepath.Join(dir, "kubeconfig")
	if err := b.cluster.User(ctx, user, b.kubeconfig); err != nil {
		return err
	}
	if b.editor, err = servertest.Start(ctx, b.cluster.Server, b.kubeconfig, os.Stderr); err != nil {
		return err
	}
	defer func() {
		_ = b.editor.Close()
		<-b.editor.Exited()
	}()
	for _, measure := range parts[b.only].measure {
		if err := measure(b, ctx); err != nil {
			return err
		}
	}
	return nil
}

// part is something that can be measured by itself.
type part struct {
	measure []func(*bench, context.Context) error
	rows    string // how its rows with a goal begin; "" = there is no common beginning
}

var parts = map[string]part{
	"":         {[]func(*bench, context.Context) error{(*bench).launches, (*bench).traffic, (*bench).sandboxRows, (*bench).debuggerRows}, ""},
	"launches": {[]func(*bench, context.Context) error{(*bench).launches}, ""},
	"traffic":  {[]func(*bench, context.Context) error{(*bench).traffic}, ""},
	"sandbox":  {[]func(*bench, context.Context) error{(*bench).sandboxRows}, "sandbox:"},
	"debugger": {[]func(*bench, context.Context) error{(*bench).debuggerRows}, "debugger:"},
}

// prepare installs the operator, and what is called and calls.
func (b *bench) prepare(ctx context.Context) error {
	c := b.cluster
	if err := c.InstallOperator(ctx, say); err != nil {
		return err
	}
	if err := c.Namespace(ctx, namespace); err != nil {
		return err
	}
	if err := c.Apply(ctx, namespace, manifests); err != nil {
		return err
	}
	if err := c.Grant(ctx, namespace, user); err != nil {
		return err
	}
	return cluster.Wait(ctx, "the prober", func() (bool, error) {
		_, err := b.probe(ctx, atOrigin)
		return err == nil, err
	})
}

// originPod is the app's pod.
func (b *bench) originPod(ctx context.Context) (name, ip string, err error) {
	pods, err := b.cluster.Kube.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: "app=target"})
	if err != nil {
		return "", "", err
	}
	for i := range pods.Items {
		if p := &pods.Items[i]; p.DeletionTimestamp == nil && p.Status.PodIP != "" && p.Labels["pod-template-hash"] != "" && p.Labels["app.kubernetes.io/managed-by"] == "" {
			return p.Name, p.Status.PodIP, nil
		}
	}
	return "", "", errors.New("the target has no pod")
}
