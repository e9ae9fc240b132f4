package debug

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
)

// fakeAdapter is a debug adapter of the tests' own: what it does is asked by name.
type fakeAdapter struct {
	r    *bufio.Reader
	w    io.Writer
	seq  int
	hung map[int]*message
	mode string
}

func runFakeAdapter(mode string, args []string) int {
	a := &fakeAdapter{r: bufio.NewReader(os.Stdin), w: os.Stdout, hung: map[int]*message{}, mode: mode}
	for _, arg := range args {
		network, address, ok := strings.Cut(arg, "=")
		if !ok {
			continue
		}
		conn, err := fakeConnection(network, address)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		a.r, a.w = bufio.NewReader(conn), conn
	}
	if mode == "broken" {
		fmt.Fprintln(os.Stderr, "no licence")
		return 5
	}
	for {
		raw, err := readFrame(a.r)
		if err != nil {
			return 0
		}
		m, err := parseMessage(raw)
		if err != nil {
			return 1
		}
		if code := a.serve(m); code >= 0 {
			return code
		}
	}
}

func fakeConnection(network, address string) (net.Conn, error) {
	if network == "dial" {
		return net.Dial("unix", address)
	}
	l, err := net.Listen(network, address)
	if err != nil {
		return nil, err
	}
	return l.Accept()
}

// write sends text as it is, but for the number.
func (a *fakeAdapter) write(format string, args ...any) {
	a.seq++
	_ = writeFrame(a.w, fmt.Appendf(nil, strings.ReplaceAll(format, "SEQ", fmt.Sprint(a.seq)), args...))
}

func (a *fakeAdapter) answer(m *message, body string) {
	a.write(`{"seq":SEQ,"type":"response","request_seq":%d,"success":true,"command":%q,"body":%s}`, m.seq, m.command, body)
}

func (a *fakeAdapter) event(name, body string) {
	a.write(`{"seq":SEQ,"type":"event","event":%q,"body":%s}`, name, body)
}

func (a *fakeAdapter) say(text string) {
	quoted, _ := json.Marshal(text)
	a.event("output", fmt.Sprintf(`{"category":"console","output":%s}`, quoted))
}

// serve answers one message; a result of 0 or more ends the adapter.
func (a *fakeAdapter) serve(m *message) int {
	if m.kind == "response" {
		a.say(fmt.Sprintf("answer to %d: success=%v", m.requestSeq, m.success))
		return -1
	}
	switch m.command {
	case "initialize":
		a.answer(m, `{"supportsConfigurationDoneRequest":true,"supportsFuture":{"x":[1,2]}}`)
	case "launch":
		a.say("launched with " + string(m.get("arguments")))
		a.answer(m, `{}`)
		a.event("initialized", `{}`)
	case "disconnect":
		a.say("disconnect " + string(m.get("arguments")))
		switch a.mode {
		case "stubborn":
			return -1
		case "halting":
			a.event("stopped", `{"reason":"pause"}`)
			a.say("halted")
		}
		a.answer(m, `{}`)
		return 0
	case "crash":
		fmt.Fprintln(os.Stderr, "out of cheese")
		return 9
	case "garbage":
		_, _ = io.WriteString(a.w, "panic: something else\r\n\r\n")
	case "garbageJSON":
		_ = writeFrame(a.w, []byte(`{"seq": 1, "type": }`))
	case "giant":
		_, _ = io.WriteString(a.w, "Content-Length: 99999999999\r\n\r\n{")
	case "novel":
		a.write(`{ "body" : {"seq":1, "n":1.50e+10}, "seq" : SEQ , "type":"novelty","request_seq":5}`)
		a.answer(m, `{}`)
	case "terminal":
		a.write(`{"seq":1000,"type":"request","command":"runInTerminal","arguments":{"kind":"integrated","cwd":"/tmp","args":["prog","a b"]}}`)
	case "progress":
		a.event("progressStart", fmt.Sprintf(`{"progressId":"p","requestId":%d}`, m.seq))
		a.answer(m, `{}`)
	case "hang":
		a.hung[m.seq] = m
	case "cancel":
		var arguments struct{ RequestID int }
		m.arguments(&arguments)
		if h := a.hung[arguments.RequestID]; h != nil {
			a.answer(h, `{"cancelled":true}`)
		}
		a.answer(m, fmt.Sprintf(`{"of":%d}`, arguments.RequestID))
	case "exit":
		_, _ = os.Stderr.WriteString("last words\n")
		a.event("exited", `{"exitCode":7}`)
		a.event("terminated", `{}`)
	case "leave":
		a.event("exited", `{"exitCode":7}`)
	case "twice":
		a.event("terminated", `{"n":1}`)
		a.event("terminated", `{"n":2}`)
	case "again":
		a.event("terminated", `{"restart":{"port":1}}`)
	default:
		a.answer(m, `{}`)
	}
	return -1
}
