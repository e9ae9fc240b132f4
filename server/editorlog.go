package server

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"

	"github.com/kubetunnel/kubetunnel/protocol"
	"github.com/kubetunnel/kubetunnel/protocol/gen"
	"github.com/kubetunnel/kubetunnel/server/rpc"
)

// EditorLog is a slog.Handler that shows what is logged, from level info, in the
// output channel of the editor that is being served, besides handing it on.
type EditorLog struct {
	next slog.Handler
	conn *atomic.Pointer[rpc.Conn]
	// attrs are those given by With, as text.
	attrs, group string
}

var _ slog.Handler = (*EditorLog)(nil)

// NewEditorLog makes a handler before next.
func NewEditorLog(next slog.Handler) *EditorLog {
	return &EditorLog{next: next, conn: new(atomic.Pointer[rpc.Conn])}
}

// attach shows the log on a connection, until detach.
func (l *EditorLog) attach(conn *rpc.Conn) (detach func()) {
	l.conn.Store(conn)
	return func() { l.conn.Store(nil) }
}

// Enabled takes what either wants.
func (l *EditorLog) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelInfo && l.conn.Load() != nil || l.next.Enabled(ctx, level)
}

// Handle shows a record and hands it on.
func (l *EditorLog) Handle(ctx context.Context, r slog.Record) error {
	if conn := l.conn.Load(); conn != nil && r.Level >= slog.LevelInfo {
		_ = conn.NotifyOptional(gen.MethodLogMessage, &protocol.LogMessageParams{Level: levelName(r.Level), Message: l.text(r)})
	}
	if !l.next.Enabled(ctx, r.Level) {
		return nil
	}
	return l.next.Handle(ctx, r)
}

func (l *EditorLog) text(r slog.Record) string {
	var b strings.Builder
	b.WriteString(r.Message + l.attrs)
	r.Attrs(func(a slog.Attr) bool {
		b.WriteString(attrText(l.group, a))
		return true
	})
	return b.String()
}

func attrText(group string, a slog.Attr) string {
	if a.Equal(slog.Attr{}) {
		return ""
	}
	value := a.Value.Resolve().String()
	if strings.ContainsAny(value, " \"\n") || value == "" {
		value = fmt.Sprintf("%q", value)
	}
	return " " + group + a.Key + "=" + value
}

func levelName(level slog.Level) string {
	switch {
	case level >= slog.LevelError:
		return "error"
	case level >= slog.LevelWarn:
		return "warn"
	}
	return "info"
}

// WithAttrs is as of slog.Handler.
func (l *EditorLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	with := *l
	with.next = l.next.WithAttrs(attrs)
	for _, a := range attrs {
		with.attrs += attrText(l.group, a)
	}
	return &with
}

// WithGroup is as of slog.Handler.
func (l *EditorLog) WithGroup(name string) slog.Handler {
	with := *l
	with.next = l.next.WithGroup(name)
	if name != "" {
		with.group += name + "."
	}
	return &with
}
