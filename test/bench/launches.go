package main

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubetunnel/kubetunnel/protocol"
	"github.com/kubetunnel/kubetunnel/test/cluster"
)

// Who may answer a call of the target.
const (
	atOrigin      = "origin"
	atWorkstation = "workstation"
)

const serviceURL = "http://target/"

// probes is what the prober has seen, see target.
type probes struct {
	Calls         int      `json:"calls"`
	Failed        int      `json:"failed"`
	Errors        []string `json:"errors"`
	SlowestMillis float64  `json:"slowestMillis"`
}

// probe lets the prober call until it is answered by that name.
func (b *bench) probe(ctx context.Context, name string) (*probes, error) {
	raw, err := b.cluster.Kube.CoreV1().RESTClient().Get().Namespace(namespace).Resource("services").Name("prober:http").
		SubResource("proxy").Suffix("until").Param("url", serviceURL).Param("name", name).Do(ctx).Raw()
	if err != nil {
		return nil, err
	}
	var p probes
	return &p, json.Unmarshal(raw, &p)
}

// changeover runs what makes the calls go to name, and gives the time from its
// beginning to the first answer by name, as the prober in the cluster has it.
func (b *bench) changeover(ctx context.Context, name string, change func() error) (time.Duration, error) {
	type result struct {
		at     time.Time
		probes *probes
		err    error
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	seen := make(chan result, 1)
	began := time.Now()
	go func() {
		p, err := b.probe(ctx, name)
		seen <- result{time.Now(), p, err}
	}()
	if err := change(); err != nil {
		return 0, err
	}
	r := <-seen
	if r.err != nil {
		return 0, fmt.Errorf("no answer by the %s: %w", name, r.err)
	}
	if r.probes.Failed > 0 {
		say(fmt.Sprintf("%d of %d calls failed on the way to the %s: %s", r.probes.Failed, r.probes.Calls, name, strings.Join(r.probes.Errors, "; ")))
	}
	b.failed += r.probes.Failed
	b.called += r.probes.Calls
	return r.at.Sub(began), nil
}

// start starts a session whose process is the target, and gives the time to its first answer.
func (b *bench) start(ctx context.Context, id string) (time.Duration, error) {
	binary, err := filepath.Abs(targetBinary)
	if err != nil {
		return 0, err
	}
	return b.changeover(ctx, atWorkstation, func() error {
		_, err := b.editor.Server.StartSession(ctx, &protocol.StartSessionParams{
			ID: id, Target: protocol.Target{Namespace: namespace, Service: "target"},
			Command: &protocol.Command{Args: []string{binary, "--name", atWorkstation}},
		})
		return err
	})
}

// stop ends it, and gives the time to the origin's first answer.
func (b *bench) stop(ctx context.Context, id string) (time.Duration, error) {
	return b.changeover(ctx, atOrigin, func() error {
		result, err := b.editor.Server.StopSession(ctx, &protocol.SessionParams{ID: id})
		if err == nil && (result.Session.Receipt == nil || !result.Session.Receipt.Restored) {
			return fmt.Errorf("the Service was not restored: %+v", result.Session)
		}
		return err
	})
}

func (b *bench) launches(ctx context.Context) error {
	var ready, cold, again, stop []float64
	note := func(into *[]float64, d time.Duration) { *into = append(*into, d.Seconds()) }
	for i := range b.rounds {
		d, err := b.likePod(ctx, i)
		if err != nil {
			return err
		}
		note(&ready, d)
		for j, into := range []*[]float64{&cold, &again} {
			id := fmt.Sprintf("launch-%d-%d", i, j)
			if d, err = b.start(ctx, id); err != nil {
				return err
			}
			note(into, d)
			if info, err := b.editor.WaitState(ctx, id, protocol.StateLive); err == nil {
				say(stages(info))
			}
			if d, err = b.stop(ctx, id); err != nil {
				return err
			}
			note(&stop, d)
		}
		say(fmt.Sprintf("round %d: like pod %.2f s, cold %.2f s, again %.2f s, stop %.3f s", i, ready[i], cold[i], again[i], stop[2*i]))
		if err := b.nothingLeft(ctx); err != nil {
			return err
		}
	}
	r, vs := b.report, "a pod of two containers Ready"
	r.beside("launch to the first answer by the debuggee, no agent yet", median(cold), "s", vs, median(ready))
	r.beside("launch to the first answer by the debuggee, second session", median(again), "s", vs, median(ready))
	r.add("stop to the first answer by the origin", median(stop), "s")
	r.add("calls at starts and stops", float64(b.called), "calls")
	r.add("of them failed", float64(b.failed), "calls")
	return nil
}

// stages tells where a launch's time went.
func stages(info protocol.SessionInfo) string {
	var text strings.Builder
	for _, st := range info.Stages {
		fmt.Fprintf(&text, "%s %d–%d  ", st.Stage, st.BeganMillis, st.EndedMillis)
	}
	return text.String()
}

// nothingLeft waits until nothing of the operator's is in the namespace.
func (b *bench) nothingLeft(ctx context.Context) error {
	selector := metav1.ListOptions{LabelSelector: "app.kubernetes.io/managed-by=kubetunnel-operator"}
	return cluster.Wait(ctx, "the agent to go", func() (bool, error) {
		pods, err := b.cluster.Kube.CoreV1().Pods(namespace).List(ctx, selector)
		if err != nil {
			return false, err
		}
		services, err := b.cluster.Kube.CoreV1().Services(namespace).List(ctx, selector)
		return err == nil && len(pods.Items)+len(services.Items) == 0, err
	})
}
