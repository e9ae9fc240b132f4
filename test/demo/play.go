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
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubetunnel/kubetunnel/protocol"
	"github.com/kubetunnel/kubetunnel/server/servertest"
	"github.com/kubetunnel/kubetunnel/test/cluster"
)

const (
	sessionID  = "demo"
	breakpoint = "// breakpoint here"
	// atOnce is how many calls go out together: more than web keeps connections for.
	atOnce = 8
)

// play is the demo's course.
type play struct {
	cluster *cluster.Cluster
	show    *screen

	source   string
	line     int
	before   *corev1.Service
	editor   *servertest.Editor
	debugger *servertest.Debugger
}

func (p *play) run(ctx context.Context) (err error) {
	dir, err := os.MkdirTemp("", "kubetunnel-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	for _, step := range []func(context.Context) error{
		p.install,
		func(ctx context.Context) error { return p.openEditor(ctx, filepath.Join(dir, "kubeconfig")) },
		p.launch,
		p.breakAndLook,
		p.stop,
	} {
		if err := step(ctx); err != nil {
			if p.editor != nil {
				_ = p.editor.Close()
				<-p.editor.Exited()
			}
			return err
		}
	}
	return nil
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
	if err := p.cluster.Grant(ctx, namespace, user); err != nil {
		return err
	}
	p.show.done("the shop is open; user %q has the role kubetunnel-developer in namespace %s, and nothing else", user, namespace)
	for range 3 {
		if _, err := p.cluster.Call(ctx, namespace, "http://web/ann", false); err != nil {
			return err
		}
	}
	var err error
	p.before, err = p.service(ctx)
	return err
}

func (p *play) service(ctx context.Context) (*corev1.Service, error) {
	return p.cluster.Kube.CoreV1().Services(namespace).Get(ctx, "cart", metav1.GetOptions{})
}

func (p *play) openEditor(ctx context.Context, kubeconfig string) error {
	p.show.title("An editor starts tunnel-server --stdio")
	if err := p.cluster.User(ctx, user, kubeconfig); err != nil {
		return err
	}
	var err error
	if p.editor, err = servertest.Start(ctx, p.cluster.Server, kubeconfig, os.Stderr); err != nil {
		return err
	}
	services, err := p.editor.Server.ListServices(ctx, &protocol.ListServicesParams{Namespace: namespace})
	if err != nil {
		return err
	}
	for _, s := range services.Services {
		p.show.text(fmt.Sprintf("%-8s port %d → %s (%d)  %s %s", s.Name, s.Ports[0].Port, s.Ports[0].TargetPort, s.Ports[0].ResolvedPort, s.Workload.Kind, s.Workload.Name))
	}
	p.source = filepath.Join(p.cluster.Root, "examples", "shop", "cart", "main.go")
	p.line, err = findLine(p.source, breakpoint)
	return err
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
	p.show.title(fmt.Sprintf("F5 on cart, with a breakpoint at main.go:%d", p.line))
	launch := map[string]any{"type": "go", "request": "launch", "mode": "debug", "program": filepath.Dir(p.source)}
	raw, err := json.Marshal(launch)
	if err != nil {
		return err
	}
	target := protocol.Target{Namespace: namespace, Service: "cart"}
	resolved, err := p.editor.Server.ResolveSession(ctx, &protocol.ResolveSessionParams{Target: target, Launch: raw})
	if err != nil {
		return err
	}
	began := time.Now()
	started, err := p.editor.Server.StartSession(ctx, &protocol.StartSessionParams{ID: sessionID, Target: target, Launch: resolved.Launch, WorkDoneToken: "start"})
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
	for _, st := range info.Stages {
		p.show.text(fmt.Sprintf("%-12s %5d ms  (at %d ms)", st.Stage, st.EndedMillis-st.BeganMillis, st.BeganMillis))
	}
	p.show.done("live after %.2f s: %s", time.Since(began).Seconds(), info.Reason)
	return nil
}

// answer is what web says.
type answer struct {
	ServedBy string `json:"servedBy"`
	Cart     struct {
		ServedBy string            `json:"servedBy"`
		Total    int               `json:"total"`
		Settings map[string]string `json:"settings"`
	} `json:"cart"`
}

func (p *play) call(ctx context.Context) (*answer, error) {
	raw, err := p.cluster.Call(ctx, namespace, "http://web/ann", false)
	if err != nil {
		return nil, err
	}
	var a answer
	return &a, json.Unmarshal(raw, &a)
}

func (p *play) breakAndLook(ctx context.Context) error {
	p.show.title("A client in the cluster calls web")
	stop := make(chan struct{})
	answers := make(chan *answer, 20*atOnce)
	failed := make(chan error, 20*atOnce)
	// web keeps connections to cart open; those that were open before the switch
	// still lead to the origin. Calls at once make it open new ones.
	go func() {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for range 20 {
			select {
			case <-stop:
				return
			case <-tick.C:
			}
			for range atOnce {
				go func() {
					a, err := p.call(ctx)
					if err != nil {
						failed <- err
						return
					}
					answers <- a
				}()
			}
		}
	}()
	waitCtx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	stopped, err := p.debugger.WaitStopped(waitCtx)
	close(stop)
	if err != nil {
		return err
	}
	p.show.done("stopped at the breakpoint: %s", stopped.Body.Reason)
	if err := p.look(ctx, stopped.Body.ThreadId); err != nil {
		return err
	}
	if err := p.debugger.SetBreakpoints(ctx, p.source); err != nil {
		return err
	}
	if err := p.debugger.Continue(ctx, stopped.Body.ThreadId); err != nil {
		return err
	}
	return p.collect(ctx, answers, failed)
}

func (p *play) look(ctx context.Context, thread int) error {
	frames, err := p.debugger.Stack(ctx, thread)
	if err != nil {
		return err
	}
	if len(frames) == 0 || frames[0].Line != p.line {
		return fmt.Errorf("stopped elsewhere: %+v", frames)
	}
	for _, f := range frames[:min(3, len(frames))] {
		p.show.block(fmt.Sprintf("%s  %s:%d", f.Name, filepath.Base(f.Source.Path), f.Line))
	}
	locals, err := p.debugger.Locals(ctx, frames[0].Id)
	if err != nil {
		return err
	}
	for _, v := range locals {
		if v.Name == "cart" {
			p.show.block(fmt.Sprintf("cart = %.140s…", v.Value))
		}
	}
	total, err := p.debugger.Evaluate(ctx, frames[0].Id, "cart.Total")
	if err != nil {
		return err
	}
	p.show.block("cart.Total = " + total + "   (its prices came from the cluster, by the name http://prices)")
	if total != "1055" {
		return fmt.Errorf("cart.Total is %s", total)
	}
	return nil
}

// collect waits for an answer that the workstation gave, and counts those of the origin.
func (p *play) collect(ctx context.Context, answers <-chan *answer, failed <-chan error) error {
	origin := 0
	for {
		select {
		case a := <-answers:
			here, err := p.cluster.AtWorkstation(ctx, namespace, a.Cart.ServedBy)
			if err != nil {
				return err
			}
			if !here {
				origin++
				continue
			}
			p.show.done("the answer came from this workstation, as %s, through %s in the cluster", a.Cart.ServedBy, a.ServedBy)
			p.show.block(fmt.Sprintf("from its Deployment %s, from a ConfigMap %s, from a Secret %s, from its image %s",
				a.Cart.Settings["currency"], a.Cart.Settings["region"], a.Cart.Settings["token"], a.Cart.Settings["edition"]))
			p.show.block("mounted file: " + a.Cart.Settings["banner"])
			for name, want := range map[string]string{"currency": "EUR", "region": "eu-north", "token": "13 characters", "edition": "harvest", "banner": "Three for two on apples today"} {
				if a.Cart.Settings[name] != want {
					return fmt.Errorf("the debuggee's %s is %q, the pod's %q", name, a.Cart.Settings[name], want)
				}
			}
			if origin > 0 {
				p.show.text(fmt.Sprintf("%d calls still went to the origin: web had connections open from before the switch, and uses them until they close", origin))
			} else {
				p.show.text("a connection that web had open from before the switch would still lead to the origin; here none was used")
			}
			return nil
		case err := <-failed:
			return fmt.Errorf("a call failed: %w", err)
		case <-ctx.Done():
			return fmt.Errorf("no answer came from the workstation, %d from the origin: %w", origin, ctx.Err())
		}
	}
}

func (p *play) stop(ctx context.Context) error {
	p.show.title("Stop")
	result, err := p.editor.Server.StopSession(ctx, &protocol.SessionParams{ID: sessionID})
	if err != nil {
		return err
	}
	_ = p.debugger.Close()
	receipt := result.Session.Receipt
	if result.Session.State != protocol.StateEnded || receipt == nil || !receipt.Restored {
		return fmt.Errorf("the session is %s (%s), receipt %+v", result.Session.State, result.Session.Reason, receipt)
	}
	p.show.done("new calls went to the origin after %d ms; %d connections were served here, %d were cut at the end", receipt.StopMillis, receipt.Traffic.Connections, receipt.Cut)
	after, err := p.service(ctx)
	if err != nil {
		return err
	}
	if err := same(p.before, after); err != nil {
		return err
	}
	p.show.done("Service cart equals what it was: spec, metadata, managedFields")
	a, err := p.call(ctx)
	if err != nil {
		return err
	}
	p.show.done("the next call is answered by %s", a.Cart.ServedBy)
	code, err := p.editor.Quit(ctx)
	if err != nil || code != 0 {
		return fmt.Errorf("tunnel-server ended with %d: %w", code, err)
	}
	p.show.done("tunnel-server has ended")
	return p.nothingLeft(ctx)
}

// same compares all of a Service but its resourceVersion, which counts writes.
func same(before, after *corev1.Service) error {
	b, a := before.DeepCopy(), after.DeepCopy()
	b.ResourceVersion, a.ResourceVersion = "", ""
	if apiequality.Semantic.DeepEqual(b, a) {
		return nil
	}
	x, _ := json.MarshalIndent(b, "", " ")
	y, _ := json.MarshalIndent(a, "", " ")
	return fmt.Errorf("the Service is not as it was:\n%s\nand is\n%s", x, y)
}

// nothingLeft waits until the namespace holds nothing of the operator's.
func (p *play) nothingLeft(ctx context.Context) error {
	selector := metav1.ListOptions{LabelSelector: "app.kubernetes.io/managed-by=kubetunnel-operator"}
	err := cluster.Wait(ctx, "the agent to go", func() (bool, error) {
		pods, err := p.cluster.Kube.CoreV1().Pods(namespace).List(ctx, selector)
		if err != nil {
			return false, err
		}
		services, err := p.cluster.Kube.CoreV1().Services(namespace).List(ctx, selector)
		if err != nil {
			return false, err
		}
		return len(pods.Items)+len(services.Items) == 0, nil
	})
	if err == nil {
		p.show.done("the agent and all that belonged to it are gone")
	}
	return err
}
