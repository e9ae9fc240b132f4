package debug

import (
	"context"
	"time"

	"github.com/kubetunnel/kubetunnel/protocol"
)

// refuse answers an editor for which there is no adapter: each request, those that were
// said already and those that come, fails with the reason, the first one aloud, until the editor has gone.
func refuse(ctx context.Context, editor *port, said []*message, reason *protocol.Error) outcome {
	defer editor.close()
	out := outcome{reason: errorText(reason)}
	told := false
	for _, m := range said {
		if refuseOne(editor, m, reason, &told) {
			return out
		}
	}
	timer := time.NewTimer(goodbyeTime)
	defer timer.Stop()
	for {
		select {
		case m, ok := <-editor.in:
			if !ok || refuseOne(editor, m, reason, &told) {
				return out
			}
		case <-timer.C:
			flushPort(editor)
			return out
		case <-ctx.Done():
			return out
		}
	}
}

// refuseOne answers one message; true when the editor has taken its leave.
func refuseOne(editor *port, m *message, reason *protocol.Error, told *bool) bool {
	if m.kind != "request" {
		return false
	}
	if m.command == "disconnect" {
		response := newResponse(m)
		editor.send(&response)
		flushPort(editor)
		return true
	}
	answer := *reason
	answer.Data.ShowUser = reason.Data.ShowUser && !*told
	editor.send(errorResponse(m, &answer))
	if !*told {
		*told = true
		editor.send(terminatedEvent(false))
	}
	return false
}

func flushPort(p *port) {
	ctx, cancel := context.WithTimeout(context.Background(), flushTime)
	defer cancel()
	p.flush(ctx)
}
