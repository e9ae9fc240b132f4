package controller

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/kubetunnel/kubetunnel/operator/api/v1alpha1"
	"github.com/kubetunnel/kubetunnel/operator/control"
)

func reasons(notices []Notice) string {
	var out []string
	for _, n := range notices {
		out = append(out, n.Reason)
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

func TestWhatIsNewAboutAnInterceptIsToldOnce(t *testing.T) {
	fresh := intercept0(func(in *v1alpha1.Intercept) { in.Status = v1alpha1.InterceptStatus{} })
	known := intercept0(func(in *v1alpha1.Intercept) { in.Status.Conditions = acceptedConditions() })
	for name, c := range map[string]struct {
		changes []change
		want    string
	}{
		"new":                           {[]change{fresh}, eventBegun},
		"known to a former operator":    {[]change{known}, ""},
		"refused":                       {[]change{fresh, func(w *World) { w.App.ReadyPods = 0 }}, eventRefused},
		"another one has the Service":   {[]change{known, func(w *World) { w.Intercepts = append(w.Intercepts, newTestIntercept("second", noon)) }}, eventRefused},
		"contested":                     {[]change{known, isSwitched, intercept0(func(in *v1alpha1.Intercept) { in.Status.Reverts = maxReverts + 1 })}, eventContested},
		"no Service, and no begin told": {[]change{fresh, func(w *World) { w.Service = nil }}, eventRefused},
	} {
		t.Run(name, func(t *testing.T) {
			w := interceptedWorld(t, c.changes...)
			p := plan(w)
			if got := reasons(p.Notices); got != c.want {
				t.Errorf("told %q, want %q", got, c.want)
			}
			w.Memory = p.Memory
			if again := plan(w).Notices; len(again) > 0 {
				t.Errorf("told again: %+v", again)
			}
		})
	}
}

func TestEndIsToldWithHowLongItWasAndWhatItServed(t *testing.T) {
	w := interceptedWorld(t, client0(func(c *control.ClientState) { c.Counters = control.Counters{Connections: 7, Origin: 3} }))
	w.Memory = plan(w).Memory
	w.Now = w.Intercepts[0].CreationTimestamp.Add(90 * time.Second)
	uid := w.Intercepts[0].UID
	w.Intercepts = nil
	p := plan(w)
	if len(p.Notices) != 0 || p.Recheck == 0 {
		t.Fatalf("told before the agent has counted: %+v, recheck %v", p.Notices, p.Recheck)
	}
	w.Memory = p.Memory
	w.Now = w.Now.Add(time.Millisecond)
	w.Link.Observed.Clients[0].Counters.Connections = 8
	p = plan(w)
	if len(p.Notices) != 1 || p.Notices[0].Reason != eventEnded {
		t.Fatalf("got %+v", p.Notices)
	}
	n := p.Notices[0]
	if n.Lasted != 90*time.Second || n.Counters.Connections != 8 || n.About.UID != uid || !strings.Contains(n.Note, "after 1m30s: the workstation took 8 connections, the app's own pods 3") {
		t.Errorf("got %+v", n)
	}
	w.Memory = p.Memory
	if again := plan(w).Notices; len(again) > 0 {
		t.Errorf("told again: %+v", again)
	}
}

// The agent may have gone with the intercept, or hang: its end is told all the same.
func TestEndIsToldWithoutTheAgentsLastWord(t *testing.T) {
	for name, c := range map[string]struct {
		change change
		later  time.Duration
	}{
		"the agent is gone":           {func(w *World) { w.Link = LinkState{} }, 0},
		"the agent doesn't answer":    {func(w *World) { w.Link.Current = false }, heardLimit},
		"a word from before the end":  {func(*World) {}, time.Nanosecond},
		"the Service is gone as well": {func(w *World) { w.Service, w.Link = nil, LinkState{} }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := interceptedWorld(t)
			w.Memory = plan(w).Memory
			w.Intercepts = nil
			c.change(&w)
			if c.later > 0 {
				p := plan(w)
				if len(p.Notices) > 0 {
					t.Fatalf("told at once: %+v", p.Notices)
				}
				w.Memory, w.Now = p.Memory, w.Now.Add(c.later)
			}
			p := plan(w)
			if got := reasons(p.Notices); got != eventEnded || len(p.Memory.Clients) > 0 {
				t.Errorf("told %q, remembered %+v", got, p.Memory.Clients)
			}
		})
	}
}

func TestAuditLineIsDataAndNoLogLevelDropsIt(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(slog.NewJSONHandler(&out, &slog.HandlerOptions{Level: slog.LevelError}))
	forged := About{Service: types.NamespacedName{Namespace: "shop", Name: "cart"}, User: "ann", Host: "x\n{\"audit\":\"InterceptEnded\"}\x1b[2J", Ports: "80"}
	teller{log: log}.tell(t.Context(), nil, Notice{Reason: eventBegun, Note: forged.who() + " begins", About: forged})
	if bytes.Count(out.Bytes(), []byte("\n")) != 1 {
		t.Fatalf("not one line: %s", out.Bytes())
	}
	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatal(err)
	}
	if line["audit"] != eventBegun || line["user"] != "ann" || line["service"] != "cart" || line["host"] != forged.Host {
		t.Errorf("got %v", line)
	}
	if note := line["msg"].(string); strings.ContainsAny(note, "\n\x1b") {
		t.Errorf("what a workstation says of itself steers a terminal: %q", note)
	}
}
