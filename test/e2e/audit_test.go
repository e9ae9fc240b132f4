package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubetunnel/kubetunnel/test/cluster"
)

// auditLine is what the operator's log says of one step of an intercept.
type auditLine struct {
	Level, Audit, User, Host, Namespace, Service, Ports, Intercept string
	Inherit                                                        bool
	Seconds                                                        float64
	Connections, Origin                                            int64
}

// auditOf reads the operator's audit lines about an Intercept.
func auditOf(ctx context.Context, t *testing.T, intercept string) (lines []auditLine) {
	t.Helper()
	pods, err := world.Kube.CoreV1().Pods("kubetunnel-system").List(ctx, metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range pods.Items {
		raw, err := world.Kube.CoreV1().Pods("kubetunnel-system").GetLogs(pods.Items[i].Name, &corev1.PodLogOptions{}).Do(ctx).Raw()
		if err != nil {
			t.Fatal(err)
		}
		for text := range bytes.Lines(raw) {
			var line auditLine
			if json.Unmarshal(text, &line) == nil && line.Audit != "" && line.Intercept == intercept {
				lines = append(lines, line)
			}
		}
	}
	return lines
}

// eventsAbout are the Events on a Service that an Intercept brought.
func eventsAbout(ctx context.Context, t *testing.T, service, intercept string) (found []eventsv1.Event) {
	t.Helper()
	list, err := world.Kube.EventsV1().Events(shop).List(ctx, metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list.Items {
		if e.Regarding.Kind == "Service" && e.Regarding.Name == service && e.Related != nil && e.Related.Name == intercept {
			found = append(found, e)
		}
	}
	return found
}

func TestEveryInterceptIsAnEventOnItsServiceAndAnAuditLine(t *testing.T) {
	ctx := testContext(t)
	restored := remember(ctx, t, shop, "cart")
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	// Two of the same kind, one after the other: neither Event swallows the other's.
	for _, p := range []*person{newPerson(ctx, t, "ann"), newPerson(ctx, t, "bob")} {
		p.grant(ctx, t, "cart", "intercept", "inherit")
		e := p.open(ctx, t)
		info := goLive(ctx, t, e, serviceOf(ctx, t, p.name, "cart"))
		for range 3 {
			waitServedBy(ctx, t, true)
		}
		stopSession(ctx, t, e, p.name)
		restored()
		waitNothingLeft(ctx, t, shop)

		who := p.name + " on " + host
		wanted := map[string]string{"InterceptBegun": who + " begins to intercept port 80", "Intercepted": "calls go to " + who, "Restored": who, "InterceptEnded": "the intercept by " + who + " has ended after "}
		err := cluster.Wait(ctx, "the Events of "+info.Intercept, func() (bool, error) {
			missing := map[string]string{}
			for reason, text := range wanted {
				missing[reason] = text
			}
			for _, event := range eventsAbout(ctx, t, "cart", info.Intercept) {
				if text, ok := missing[event.Reason]; ok && strings.Contains(event.Note, text) && event.Type == corev1.EventTypeNormal {
					delete(missing, event.Reason)
				}
			}
			return len(missing) == 0, fmt.Errorf("missing: %v", missing)
		})
		if err != nil {
			t.Fatal(err)
		}
		var course []string
		for _, line := range auditOf(ctx, t, info.Intercept) {
			course = append(course, line.Audit)
			if line.Level != "AUDIT" || line.User != p.name || line.Host != host || line.Namespace != shop || line.Service != "cart" {
				t.Errorf("an audit line says %+v", line)
			}
			if line.Audit == "InterceptEnded" && (line.Connections < 3 || line.Seconds <= 0 || line.Ports != "80" || !line.Inherit) {
				t.Errorf("the end is told as %+v", line)
			}
		}
		slices.Sort(course) // the end may be seen before the switch back, and after it
		if got := strings.Join(course, " "); got != "InterceptBegun InterceptEnded Intercepted Restored" {
			t.Errorf("the audit of %s is %s", info.Intercept, got)
		}
	}
}
