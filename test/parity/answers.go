package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"

	"github.com/kubetunnel/kubetunnel/engine/private"
	"github.com/kubetunnel/kubetunnel/test/cluster"
)

// answered are a probe's answers to the questions of its language, by their text.
type answered struct {
	probe        probe
	user         user
	pod, session map[string]string
}

// askAll asks every probe, as every user: in the pods first, which the sessions' own
// switching of the Services must not disturb.
func (w *world) askAll(ctx context.Context) ([]*answered, error) {
	folder, err := private.New() // swept when this run is killed
	if err != nil {
		return nil, err
	}
	dir := folder.Path()
	defer func() { _ = folder.Remove() }()
	// A program of the workstation: its loopback is not the pod's.
	var config net.ListenConfig
	own, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	defer func() { _ = own.Close() }()
	_, w.known["workstation.port"], _ = net.SplitHostPort(own.Addr().String())
	var all []*answered
	for _, u := range users {
		for _, p := range w.probes {
			all = append(all, &answered{probe: p, user: u})
		}
	}
	for _, u := range users {
		if err := w.workstation(ctx, filepath.Join(dir, u.name), u); err != nil {
			return nil, err
		}
	}
	for _, side := range []func(context.Context, string, user, []*answered) error{w.inPod, w.inSession} {
		group, ctx := errgroup.WithContext(ctx)
		for _, u := range users {
			group.Go(func() error { return side(ctx, filepath.Join(dir, u.name), u, ofUser(all, u)) })
		}
		if err := group.Wait(); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func ofUser(all []*answered, u user) (out []*answered) {
	for _, a := range all {
		if a.user == u {
			out = append(out, a)
		}
	}
	return out
}

// inPod runs the probes in the user's pod.
func (w *world) inPod(ctx context.Context, _ string, u user, all []*answered) error {
	pod, err := w.pod(ctx, u.target())
	if err != nil {
		return err
	}
	known, stop, err := w.keepCalling(ctx, u)
	if err != nil {
		return err
	}
	defer stop()
	for _, a := range all {
		say(fmt.Sprintf("asking the %s probe as %s in pod %s", a.probe.language, u.name, pod.Name))
		out, err := w.post(ctx, pod, "run", a.probe.command(imageFolder), ask(a.probe.asked, known))
		if err != nil {
			return err
		}
		if err := json.Unmarshal(out, &a.pod); err != nil {
			return fmt.Errorf("the %s probe in the pod: %w: %s", a.probe.language, err, out)
		}
	}
	return nil
}

// post asks a probe's pod, past all Services.
func (w *world) post(ctx context.Context, pod *corev1.Pod, path string, args []string, body string) ([]byte, error) {
	request := w.cluster.Kube.CoreV1().RESTClient().Post().Namespace(pod.Namespace).Resource("pods").Name(pod.Name + ":7000").SubResource("proxy").Suffix(path).Body([]byte(body))
	for _, arg := range args {
		request = request.Param("arg", arg)
	}
	out, err := request.Do(ctx).Raw()
	if err != nil {
		return nil, fmt.Errorf("pod %s, %v: %w: %s", pod.Name, args, err, out)
	}
	return out, nil
}

// keepCalling lets a pod call the target's Service again and again until stop is called,
// by each family, and tells what is known of it.
func (w *world) keepCalling(ctx context.Context, u user) (known map[string]string, stop func(), err error) {
	service := u.target()
	ipv4, ipv6, err := w.addressesOf(ctx, service)
	if err != nil {
		return nil, nil, err
	}
	known = maps.Clone(w.known)
	known["target.clusterIP"], known["target.clusterIP6"] = ipv4, ipv6
	ctx, cancel := context.WithCancel(ctx)
	var calling sync.WaitGroup
	calling.Go(func() {
		for ctx.Err() == nil {
			caller, err := w.pod(ctx, "caller")
			if err == nil {
				call := func() *rest.Request {
					return w.cluster.Kube.CoreV1().RESTClient().Get().Namespace(namespace).Resource("pods").Name(caller.Name + ":7000").SubResource("proxy").Suffix("call")
				}
				_, _ = call().Param("to", ipv4+":80").Param("udp", ipv4+":85").Param("say", "caller").Do(ctx).Raw()
				if ipv6 != "" {
					_, _ = call().Param("to", "["+ipv6+"]:80").Param("say", callerByIPv6).Do(ctx).Raw()
				}
			}
			select {
			case <-ctx.Done():
			case <-time.After(100 * time.Millisecond):
			}
		}
	})
	return known, func() {
		cancel()
		calling.Wait()
	}, nil
}

// inSession runs the probes on the workstation, each in a session of its own.
func (w *world) inSession(ctx context.Context, dir string, u user, all []*answered) error {
	known, stop, err := w.keepCalling(ctx, u)
	if err != nil {
		return err
	}
	defer stop()
	for _, a := range all {
		say(fmt.Sprintf("asking the %s probe as %s in a session", a.probe.language, u.name))
		cmd := exec.CommandContext(ctx, filepath.Join(dir, "tunnel-server"), append([]string{"--kubeconfig", filepath.Join(dir, "kubeconfig"), "run", "--service", namespace + "/" + u.target(), "--"}, a.probe.command(dir)...)...)
		cmd.Dir, cmd.Env = dir, []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "TMPDIR=" + dir, "EDITOR_OWN=here", "HTTP_PROXY=http://127.0.0.1:9", "ALL_PROXY=http://127.0.0.1:9", "KUBECONFIG=/nowhere"}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: u.uid, Gid: u.uid}}
		cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
		cmd.WaitDelay = time.Minute
		cmd.Stdin = bytes.NewReader([]byte(ask(a.probe.asked, known)))
		var out, told bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &told
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("the %s probe in a session as %s: %w\n%s", a.probe.language, u.name, err, told.Bytes())
		}
		if err := json.Unmarshal(out.Bytes(), &a.session); err != nil {
			return fmt.Errorf("the %s probe in a session: %w\n%s\n%s", a.probe.language, err, out.Bytes(), told.Bytes())
		}
	}
	return w.nothingLeft(ctx)
}

// workstation puts what a user needs into a folder: an ordinary user may not read the
// project's own.
func (w *world) workstation(ctx context.Context, dir string, u user) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	// The parent is root's.
	if err := os.Chmod(filepath.Dir(dir), 0o711); err != nil { //nolint:gosec // to be passed through
		return err
	}
	if err := w.cluster.User(ctx, developer, filepath.Join(dir, "kubeconfig")); err != nil {
		return err
	}
	copies := map[string]string{w.cluster.Server: filepath.Join(dir, "tunnel-server")}
	for _, p := range w.probes {
		copies[filepath.Join(w.image.folder, p.file)] = filepath.Join(dir, p.file)
	}
	for from, to := range copies {
		content, err := os.ReadFile(from)
		if err != nil {
			return err
		}
		if err := os.WriteFile(to, content, 0o755); err != nil { //nolint:gosec // programs
			return err
		}
	}
	paths, err := filepath.Glob(filepath.Join(dir, "*"))
	for _, path := range append(paths, dir) {
		err = errors.Join(err, os.Chown(path, int(u.uid), int(u.uid)))
	}
	return err
}

// nothingLeft waits until the operator's objects have gone, so that the next session
// begins anew.
func (w *world) nothingLeft(ctx context.Context) error {
	return cluster.Wait(ctx, "the operator's objects to go", func() (bool, error) {
		left, err := w.cluster.Left(ctx, namespace)
		return err == nil && len(left) == 0, err
	})
}
