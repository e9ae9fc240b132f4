package debug

import (
	"context"
	"time"

	"github.com/kubetunnel/kubetunnel/protocol"
)

// refuse answers an editor for which there is no adapter: each request fails with the
// reason, the first one aloud, until the editor has gone.
func refuse(ctx context.Context, editor *port, reason *protocol.Error) outcome {
	defer editor.close()
	timer := time.NewTimer(goodbyeTime)
	defer timer.Stop()
	told := false
	for {
		select {
		case m, ok := <-editor.in:
			if !ok {
				return outcome{reason: errorText(reason)}
			}
			if m.kind != "request" {
				continue
			}
			if m.command == "disconnect" {
				response := newResponse(m)
				editor.send(&response)
				flushPort(editor)
				return outcome{reason: errorText(reason)}
			}
			answer := *reason
			answer.Data.ShowUser = reason.Data.ShowUser && !told
			editor.send(errorResponse(m, &answer))
			if !told {
				told = true
				editor.send(terminatedEvent(false))
			}
		case <-timer.C:
			flushPort(editor)
			return outcome{reason: errorText(reason)}
		case <-ctx.Done():
			return outcome{reason: errorText(reason)}
		}
	}
}

func flushPort(p *port) {
	ctx, cancel := context.WithTimeout(context.Background(), flushTime)
	defer cancel()
	p.flush(ctx)
}
