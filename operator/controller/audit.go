package controller

import (
	"context"
	"log/slog"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/events"

	"github.com/kubetunnel/kubetunnel/operator/api/v1alpha1"
)

// LevelAudit is the level of audit lines: above all others, since no setting of the
// log may drop them.
const LevelAudit = slog.Level(12)

// teller passes notices on.
type teller struct {
	events events.EventRecorder
	log    *slog.Logger
}

// maxNote bounds an Event's text (its API allows 1024 bytes).
const maxNote = 1000

// tell makes a notice an audit line, and an Event on the Service if that is there. The
// Event names the Intercept too: Events that differ by their text alone become one.
func (t teller) tell(ctx context.Context, svc *corev1.Service, n Notice) {
	t.log.LogAttrs(ctx, LevelAudit, n.Note,
		slog.String("audit", n.Reason), slog.String("user", n.About.User), slog.String("host", n.About.Host),
		slog.String("namespace", n.About.Service.Namespace), slog.String("service", n.About.Service.Name), slog.String("ports", n.About.Ports),
		slog.Bool("inherit", n.About.Inherit), slog.String("intercept", n.About.Intercept), slog.String("uid", string(n.About.UID)),
		slog.Float64("seconds", n.Lasted.Seconds()), slog.Int64("connections", n.Counters.Connections), slog.Int64("origin", n.Counters.Origin),
		slog.Int64("bytesIn", n.Counters.BytesIn), slog.Int64("bytesOut", n.Counters.BytesOut),
	)
	if svc == nil {
		return
	}
	related := &corev1.ObjectReference{
		APIVersion: v1alpha1.GroupVersion.String(), Kind: "Intercept", Namespace: n.About.Service.Namespace, Name: n.About.Intercept, UID: n.About.UID,
	}
	note := n.Note[:min(len(n.Note), maxNote)]
	t.events.Eventf(svc, related, n.Type, n.Reason, "Intercept", "%s", note)
}
