package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubetunnel/kubetunnel/engine/private"
	"github.com/kubetunnel/kubetunnel/protocol"
	"github.com/kubetunnel/kubetunnel/server/servertest"
	"github.com/kubetunnel/kubetunnel/test/cluster"
)

const (
	sessionID  = "demo"
	breakpoint = "// breakpoint here"
)

// play is the demo's course on a cluster that is up.
type play struct {
	cluster *cluster.Cluster
	show    *screen

	source   string
	line     int
	port     int // where the debuggee listens
	before   *corev1.Service
	calls    *calls
	editor   *servertest.Editor
	debugger *servertest.Debugger
}

func newPlay(c *cluster.Cluster, show *screen) *play { return &play{cluster: c, show: show} }

func (p *play) run(ctx context.Context) (err error) {
	folder, err := private.New() // swept when this run is killed
	if err != nil {
		return err
	}
	dir := folder.Path()
	defer func() {
		p.leave()
		err = errors.Join(err, folder.Remove())
	}()
	p.calls = newCalls(p.cluster)
	for _, step := range []func(context.Context) error{
		p.install,
		func(ctx context.Context) error { return p.open(ctx, filepath.Join(dir, "kubeconfig")) },
		p.launch,
		p.breakAndLook,
		p.stop,
		p.compare,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// leave goes away in the middle, if that is where we are.
func (p *play) leave() {
	if p.debugger != nil {
		_ = p.debugger.Close()
	}
	if p.editor != nil {
		_ = p.editor.Close()
		<-p.editor.Exited()
	}
}

func (p *play) install(ctx context.Context) error {
	p.show.title("The operator, and a shop to debug: web → cart → prices")
	if err := p.cluster.InstallOperator(ctx, p.show.detail); err != nil {
		return err
	}
	p.show.done("the operator is ready")
	if err := p.cluster.Shop(ctx, namespace); err != nil {
		return err
	}
	p.show.done("the shop is open, in a namespace that enforces the restricted Pod Security Standard")
	if err := p.cluster.Grant(ctx, namespace, user); err != nil {
		return err
	}
	p.show.done("user %q has the role %s in namespace %s, and no other right", user, cluster.DeveloperRole, namespace)
	a, err := p.calls.one(ctx)
	if err != nil {
		return err
	}
	p.show.done("a client in the cluster calls web, and cart's pod %s answers", a.Cart.ServedBy)
	p.before, err = p.service(ctx)
	return err
}

func (p *play) service(ctx context.Context) (*corev1.Service, error) {
	return p.cluster.Kube.CoreV1().Services(namespace).Get(ctx, "cart", metav1.GetOptions{})
}

func (p *play) open(ctx context.Context, kubeconfig string) error {
	p.show.title(fmt.Sprintf("An editor starts tunnel-server --stdio, as user %q", user))
	if err := p.cluster.User(ctx, user, kubeconfig); err != nil {
		return err
	}
	var err error
	if p.editor, err = servertest.Start(ctx, p.cluster.Server, kubeconfig, cluster.Lines(p.show.detail)); err != nil {
		return err
	}
	services, err := p.editor.Server.ListServices(ctx, &protocol.ListServicesParams{Namespace: namespace})
	if err != nil {
		return err
	}
	for _, s := range services.Services {
		p.show.text(describe(s))
	}
	if p.port, err = cluster.FreePort(ctx); err != nil {
		return err
	}
	found, err := p.editor.Server.Preflight(ctx, &protocol.PreflightParams{Target: p.target()})
	if err != nil {
		return err
	}
	for _, d := range found.Diagnostics {
		p.show.text(fmt.Sprintf("%s KT%d: %s", d.Severity, d.Code, d.Message))
		if d.Severity == protocol.SeverityError {
			return fmt.Errorf("preflight: KT%d: %s", d.Code, d.Message)
		}
	}
	p.show.done("preflight: Service %s/cart can be intercepted", namespace)
	p.source = filepath.Join(p.cluster.Root, "examples", "shop", "cart", "main.go")
	p.line, err = findLine(p.source, breakpoint)
	return err
}

func (p *play) target() protocol.Target {
	return protocol.Target{Namespace: namespace, Service: "cart", LocalPort: p.port}
}

func describe(s protocol.Service) string {
	ports := make([]string, 0, len(s.Ports))
	for _, port := range s.Ports {
		ports = append(ports, fmt.Sprintf("%d → %s (%d)", port.Port, port.TargetPort, port.ResolvedPort))
	}
	workload := "no workload"
	if s.Workload != nil {
		workload = s.Workload.Kind + " " + s.Workload.Name
	}
	return fmt.Sprintf("%-8s %-18s %s", s.Name, strings.Join(ports, ", "), workload)
}

func findLine(path, text string) (int, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	for i, line := range strings.Split(string(content), "\n") {
		if strings.Contains(line, text) {
			return i + 1, nil
		}
	}
	return 0, fmt.Errorf("%s has no line with %q", path, text)
}

func (p *play) launch(ctx context.Context) error {
	p.show.title(fmt.Sprintf("F5 on cart, with a breakpoint at cart/main.go:%d", p.line))
	launch, err := json.Marshal(map[string]any{
		"type": "go", "request": "launch", "mode": "debug", "program": filepath.Dir(p.source),
		"env": map[string]string{"LISTEN": fmt.Sprintf("127.0.0.1:%d", p.port)},
	})
	if err != nil {
		return err
	}
	resolved, err := p.editor.Server.ResolveSession(ctx, &protocol.ResolveSessionParams{Target: p.target(), Launch: launch})
	if err != nil {
		return err
	}
	began := time.Now()
	started, err := p.editor.Server.StartSession(ctx, &protocol.StartSessionParams{ID: sessionID, Target: p.target(), Launch: resolved.Launch, WorkDoneToken: "start"})
	if err != nil {
		return err
	}
	if p.debugger, err = servertest.DialDAP(ctx, started.DAP); err != nil {
		return err
	}
	if err := p.debugger.Launch(ctx, resolved.Launch, p.source, p.line); err != nil {
		return fmt.Errorf("%w\n%s", err, p.editor.Output(sessionID))
	}
	info, err := p.editor.WaitState(ctx, sessionID, protocol.StateLive)
	if err != nil {
		return err
	}
	p.show.text("stage          began      took")
	for _, st := range info.Stages {
		p.show.text(fmt.Sprintf("%-12s %4d ms %6d ms", st.Stage, st.BeganMillis, st.EndedMillis-st.BeganMillis))
	}
	if len(info.Warnings) > 0 {
		p.show.text("what is not as in the pod, and the session tells its user:")
	}
	for _, w := range info.Warnings {
		p.show.wrapped(w)
	}
	p.show.done("%.2f s after F5 the session is %s: %s", time.Since(began).Seconds(), info.State, info.Reason)
	return nil
}
