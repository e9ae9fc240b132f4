package debug

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"os"
	"time"

	"github.com/google/go-dap"

	"github.com/kubetunnel/kubetunnel/protocol"
)

// StandaloneOptions is what the stand-alone DAP face is made from: a debug adapter on
// standard input and output for editors that speak DAP and not our protocol.
type StandaloneOptions struct {
	In  io.ReadCloser
	Out io.WriteCloser
	// Adapter is the registry's entry; "" = by the editor's adapterID.
	Adapter string
	// Command is an adapter that speaks DAP on its standard streams, in place of Adapter.
	Command []string
	// Target is for launch configurations that name none; nil = those are refused.
	Target *protocol.Target
	// Folder is for relative paths; "" = the working folder.
	Folder string
	// Start starts the session and gives its debugger's endpoint. say shows progress in
	// the editor's debug console. The session ends with its debugger's connection.
	Start func(ctx context.Context, target protocol.Target, launch json.RawMessage, say func(text string)) (*protocol.Endpoint, error)
	// End ends the session and returns when its Service is back; nil = the session's own end will do.
	End func(ctx context.Context)
	Log *slog.Logger
}

// standalone has a greeter answer until launch, then is a proxy before the session's
// endpoint. It belongs to the goroutine that called Standalone; a second one starts
// the session, and is waited for.
type standalone struct {
	StandaloneOptions
	editor     *port
	entry      *adapter
	spoken     string                     // the name by which it was found
	greeter    *greeter                   // nil before initialize, and once the session's own adapter is there
	greeting   json.RawMessage            // the arguments of initialize
	told       map[string]json.RawMessage // the capabilities that were answered
	launch     *message
	held       []*message
	launchArgs json.RawMessage
}

// Standalone serves one editor and returns when its debug session has ended.
func Standalone(ctx context.Context, opts StandaloneOptions) error {
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	if opts.Folder == "" {
		opts.Folder, _ = os.Getwd() // without one, relative paths are refused
	}
	s := &standalone{StandaloneOptions: opts}
	s.editor = newPort(&duplex{Reader: opts.In, Writer: opts.Out, closers: []io.Closer{opts.Out, opts.In}})
	defer s.editor.close()
	defer func() { s.endGreeter() }()
	for {
		select {
		case m, ok := <-s.editor.in:
			if !ok {
				if errors.Is(s.editor.err, io.EOF) {
					return nil
				}
				return s.editor.err
			}
			if done := s.greet(ctx, m); done {
				return nil
			}
		case m, ok := <-s.greeter.in():
			if !ok {
				s.greeter.gone(s.editor)
				continue
			}
			s.greeter.answer(m, s.editor)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// endGreeter ends what has answered until now. What it leaves goes with this process's folder.
func (s *standalone) endGreeter() {
	if s.greeter == nil {
		return
	}
	if err := s.greeter.close(); err != nil {
		s.Log.Warn("debugger", "error", err)
	}
	s.greeter = nil
}

// greet takes a message before the session; true when all is over.
func (s *standalone) greet(ctx context.Context, m *message) bool {
	if m.kind != "request" {
		return false
	}
	switch m.command {
	case "initialize":
		if err := s.initialize(ctx, m); err != nil {
			s.editor.send(errorResponse(m, asProtocolError(err, protocol.CodeAdapterFailed)))
		}
		return false
	case "launch", "attach":
		return s.begin(ctx, m)
	case "disconnect", "terminate":
		response := newResponse(m)
		s.editor.send(&response)
		flushPort(s.editor)
		return true
	default:
		if !s.greeter.ask(m) {
			s.editor.send(errorResponse(m, protocol.Errorf(protocol.CodeInvalidRequest, "%s comes before launch", m.command)))
		}
		return false
	}
}

// initialize answers with what the real adapter can do.
func (s *standalone) initialize(ctx context.Context, m *message) error {
	var arguments struct {
		AdapterID string `json:"adapterID"`
	}
	m.arguments(&arguments)
	name := or(s.Adapter, arguments.AdapterID)
	if len(s.Command) > 0 {
		name = commandType
	}
	if entry := lookup(name); entry != nil && entry.alone != "" {
		name = entry.alone
	}
	s.entry, s.spoken = lookup(name), name
	if s.entry == nil || s.entry.mode != protocol.ModeProxy {
		c := &config{values: map[string]json.RawMessage{}}
		c.set("type", name)
		c.adapter()
		if err := c.failed(); err != nil {
			return err
		}
		return protocol.Errorf(protocol.CodeUnknownAdapter, "the debug adapter %q lives in the editor", name)
	}
	s.greeting = m.get("arguments")
	s.endGreeter()
	c := &config{values: map[string]json.RawMessage{}, folder: s.Folder}
	s.nameCommand(c)
	g, err := startGreeter(ctx, s.entry, c)
	if isMissing(err) && name != commandType {
		// The launch may name where it is. What it can do, the editor is told then.
		s.told = map[string]json.RawMessage{}
		s.editor.send(&dap.InitializeResponse{Response: newResponse(m)})
		return nil
	}
	if err != nil {
		return err
	}
	answer, err := greetAdapter(ctx, g.adapter.port, s.greeting, nil)
	if err != nil {
		return errors.Join(err, g.close())
	}
	s.greeter = g
	answer.body(&s.told)
	s.editor.pass(answer, map[string]json.RawMessage{"request_seq": number(m.seq)})
	return nil
}

// isMissing tells whether an adapter was not found.
func isMissing(err error) bool {
	var missing *protocol.Error
	return errors.As(err, &missing) && missing.Code == protocol.CodeAdapterMissing
}

// tellCapabilities tells what the session's adapter can do, where that is something else
// than the greeter said: it may be of another version, by what the launch names.
func (s *standalone) tellCapabilities(answer *message) {
	var can map[string]json.RawMessage
	answer.body(&can)
	if maps.EqualFunc(can, s.told, func(a, b json.RawMessage) bool { return string(a) == string(b) }) {
		return
	}
	changed := maps.Clone(can)
	for name, value := range s.told {
		if _, there := can[name]; !there && string(value) == "true" {
			changed[name] = json.RawMessage("false")
		}
	}
	s.editor.send(map[string]any{"type": "event", "event": "capabilities", "body": map[string]any{"capabilities": changed}})
}

// greetAdapter sends initialize and waits for the answer; other messages go to pass.
func greetAdapter(ctx context.Context, to *port, arguments json.RawMessage, pass func(*message)) (*message, error) {
	ctx, cancel := context.WithTimeout(ctx, attachTime+adapterStartTime)
	defer cancel()
	if arguments == nil {
		arguments = json.RawMessage("{}")
	}
	seq := to.send(newRequest("initialize", arguments))
	for {
		select {
		case m, ok := <-to.in:
			switch {
			case !ok:
				return nil, protocol.Errorf(protocol.CodeAdapterFailed, "the debug adapter has ended before it answered: %w", to.err)
			case m.kind == "response" && m.requestSeq == seq && m.success:
				return m, nil
			case m.kind == "response" && m.requestSeq == seq:
				return nil, adapterRefused(m)
			case pass != nil:
				pass(m)
			}
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// adapterRefused is an adapter's own error.
func adapterRefused(m *message) error {
	var text string
	if raw := m.get("message"); raw != nil {
		_ = json.Unmarshal(raw, &text)
	}
	var body struct {
		Error struct {
			Format string `json:"format"`
		} `json:"error"`
	}
	m.body(&body)
	return protocol.Errorf(protocol.CodeAdapterFailed, "the debug adapter says: %s", or(body.Error.Format, or(text, "no")))
}

// begin starts the session for a launch, and goes on as its proxy.
func (s *standalone) begin(ctx context.Context, m *message) bool {
	s.launch = m
	fail := func(err error) bool {
		s.editor.send(errorResponse(m, asProtocolError(err, protocol.CodeAdapterFailed)))
		s.editor.send(terminatedEvent(false))
		s.launch = nil
		return false // the editor disconnects
	}
	if s.entry == nil {
		return fail(protocol.Errorf(protocol.CodeInvalidRequest, "%s comes before initialize", m.command))
	}
	if endpoint := childAt(m.get("arguments")); endpoint != nil {
		if err := s.joinChild(ctx, endpoint); err != nil {
			return fail(err)
		}
		return true
	}
	target, err := s.target(m)
	if err != nil {
		return fail(err)
	}
	inner, over, err := s.startSession(ctx, target)
	if over {
		return true
	}
	if err != nil {
		return fail(err)
	}
	if err := s.proxy(ctx, inner); err != nil {
		return fail(err)
	}
	return true
}

// joinChild serves the editor's session with the debugger of a child process: it is of a
// session that another of us has started.
func (s *standalone) joinChild(ctx context.Context, endpoint *protocol.Endpoint) error {
	s.launchArgs = s.launch.get("arguments")
	inner, err := s.meet(ctx, endpoint)
	if err != nil {
		return err
	}
	return s.proxy(ctx, inner)
}

// greeted is the session's debugger as an editor finds it.
type greeted struct {
	port *port
	// answer is that to initialize.
	answer *message
}

// target takes the target out of the launch arguments.
func (s *standalone) target(m *message) (protocol.Target, error) {
	var target protocol.Target
	c, err := parseConfig(m.get("arguments"), s.Folder)
	if err != nil {
		return target, err
	}
	if target, err = s.named(c); err != nil {
		return target, err
	}
	delete(c.values, "kubetunnel")
	// The editor's own name for the type means nothing here, if the adapter was named beside it.
	c.set("type", s.spoken)
	c.set("request", m.command)
	s.nameCommand(c)
	s.launchArgs = c.raw()
	return target, nil
}

// nameCommand names the adapter that was named to us.
func (s *standalone) nameCommand(c *config) {
	if len(s.Command) > 0 {
		c.set("adapter", s.Command)
	}
}

// named is the target that a launch configuration names, or else the one that is given.
func (s *standalone) named(c *config) (target protocol.Target, err error) {
	const example = `write "kubetunnel": {"service": "cart", "namespace": "shop"}`
	if !c.has("kubetunnel") && s.Target != nil {
		return *s.Target, nil
	}
	if !c.has("kubetunnel") {
		return target, protocol.Errorf(protocol.CodeBadLaunch, "launch configuration, \"kubetunnel\": is missing: %s, or start tunnel-server dap with --service shop/cart", example)
	}
	if err := json.Unmarshal(c.values["kubetunnel"], &target); err != nil {
		return target, protocol.Errorf(protocol.CodeBadLaunch, "launch configuration, \"kubetunnel\": %w: %s", err, example)
	}
	if target.Service == "" {
		return target, protocol.Errorf(protocol.CodeBadLaunch, "launch configuration, \"kubetunnel.service\": is missing: %s", example)
	}
	return target, nil
}

// startSession starts the session, up to its debugger's answer to initialize, while the
// editor is listened to; over when it has gone.
func (s *standalone) startSession(ctx context.Context, target protocol.Target) (*greeted, bool, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type result struct {
		inner *greeted
		err   error
	}
	started := make(chan result, 1)
	go func() {
		endpoint, err := s.Start(ctx, target, s.launchArgs, func(text string) {
			s.editor.send(outputEvent("console", text))
		})
		var inner *greeted
		if err == nil {
			inner, err = s.meet(ctx, endpoint)
		}
		started <- result{inner, err}
	}()
	editorIn := s.editor.in
	over := false
	for {
		select {
		case r := <-started:
			if over {
				flushPort(s.editor)
				if r.inner != nil {
					r.inner.port.close()
				}
			}
			return r.inner, over, r.err
		case m, ok := <-editorIn:
			if !ok {
				editorIn, over = nil, true
				cancel()
				continue
			}
			if s.whileStarting(m) {
				over = true
				cancel()
			}
		}
	}
}

// whileStarting takes a message while the session starts; true when the editor ends it.
func (s *standalone) whileStarting(m *message) bool {
	if m.kind == "request" && (m.command == "disconnect" || m.command == "terminate") {
		cancelled := protocol.Errorf(protocol.CodeRequestCancelled, "cancelled")
		cancelled.Data.ShowUser = false
		for _, open := range append([]*message{s.launch}, s.held...) {
			s.editor.send(errorResponse(open, cancelled))
		}
		s.held = nil
		response := newResponse(m)
		s.editor.send(&response)
		return true
	}
	s.held = append(s.held, m)
	return false
}

// meet connects to the session's debugger as its editor.
func (s *standalone) meet(ctx context.Context, endpoint *protocol.Endpoint) (*greeted, error) {
	if endpoint == nil {
		return nil, protocol.Errorf(protocol.CodeAdapterFailed, "the session has no debugger")
	}
	conn, err := dialEndpoint(ctx, endpoint)
	if err != nil {
		return nil, fmt.Errorf("the session's debugger can't be reached: %w", err)
	}
	inner := newPort(conn)
	answer, err := greetAdapter(ctx, inner, s.greeting, func(m *message) { s.editor.pass(m, nil) })
	if err != nil {
		inner.close()
		return nil, err
	}
	return &greeted{port: inner, answer: answer}, nil
}

// proxy passes everything on between the editor and the session's debugger.
func (s *standalone) proxy(ctx context.Context, inner *greeted) error {
	s.endGreeter()
	s.tellCapabilities(inner.answer)
	launch, err := s.launch.replaced("arguments", s.launchArgs)
	if err != nil {
		inner.port.close()
		return err
	}
	p := newProxy(ctx, proxyConfig{
		host: noHost{}, log: s.Log, last: true, patience: sessionEndTime + 2*disconnectTime, over: s.End,
		prepare: func(arguments json.RawMessage, _ []string, _ bool) (json.RawMessage, error) { return arguments, nil },
		enter:   func(args []string) ([]string, error) { return args, nil },
	}, s.editor, &runningAdapter{port: inner.port, exited: make(chan struct{}), last: &tail{}})
	p.initialized = true
	inner.answer.body(&p.capabilities)
	p.fromEditor(launch)
	for _, m := range s.held {
		p.fromEditor(m)
	}
	out := p.run()
	s.Log.Info("debug session ended", "reason", out.reason)
	return nil
}

// dialEndpoint connects to a debugger's endpoint.
func dialEndpoint(ctx context.Context, endpoint *protocol.Endpoint) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	return dialNetwork(ctx, endpoint)
}

// noHost is for the outer of two proxies: the inner one knows the session.
type noHost struct{}

func (noHost) Environment(context.Context) ([]string, error) { return nil, nil }
func (noHost) BeforeEnd(context.Context)                     {}
func (noHost) Output(string, string)                         {}
