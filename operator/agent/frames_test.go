package agent

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/kubetunnel/kubetunnel/engine/tunnel"
)

// framed is one end of a connection of HTTP/2, frame by frame.
type framed struct {
	*http2.Framer
	t *testing.T
}

func newFramed(t *testing.T, w io.Writer, r io.Reader) *framed {
	f := &framed{http2.NewFramer(w, r), t}
	f.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	return f
}

func (f *framed) check(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Error(err)
	}
}

// head makes one of pairs of names and values.
func head(fields ...string) []byte {
	var b bytes.Buffer
	e := hpack.NewEncoder(&b)
	for pair := range slices.Chunk(fields, 2) {
		_ = e.WriteField(hpack.HeaderField{Name: pair[0], Value: pair[1]})
	}
	return b.Bytes()
}

// framedSide does as react says when all of a request has come, or only its
// head and some more.
func framedSide(t *testing.T, early bool, react func(f *framed, stream uint32, body []byte, whole bool)) func(tunnel.Conn) {
	return func(conn tunnel.Conn) {
		if _, err := io.ReadFull(conn, make([]byte, len(preface))); err != nil {
			return
		}
		f := newFramed(t, conn, conn)
		f.check(f.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 16 << 20}, http2.Setting{ID: http2.SettingMaxFrameSize, Val: 1 << 20}))
		f.check(f.WriteWindowUpdate(0, 16<<20))
		bodies := map[uint32][]byte{}
		for {
			frame, err := f.ReadFrame()
			if err != nil {
				_ = conn.CloseWrite()
				return
			}
			stream := frame.Header().StreamID
			whole := frame.Header().Flags.Has(http2.FlagDataEndStream)
			switch frame := frame.(type) {
			case *http2.SettingsFrame:
				if !frame.IsAck() {
					_ = f.WriteSettingsAck()
				}
			case *http2.MetaHeadersFrame:
				if whole {
					react(f, stream, bodies[stream], true)
				}
			case *http2.DataFrame:
				bodies[stream] = append(bodies[stream], frame.Data()...)
				if whole || early {
					react(f, stream, bodies[stream], whole)
				}
			}
		}
	}
}

// framedCaller is a caller, who has the agent's windows.
func (w *world) framedCaller() *framed {
	w.t.Helper()
	c := w.caller()
	c.say(string(preface))
	f := newFramed(w.t, c, c.r)
	f.check(f.WriteSettings())
	for {
		frame := must(f.ReadFrame())(w.t)
		if update, ok := frame.(*http2.WindowUpdateFrame); ok && update.StreamID == 0 {
			return f
		}
	}
}

var post2 = []string{":method", "POST", ":scheme", "http", ":path", "/", ":authority", "a"}

// ask makes a request, of which the end may not come.
func (f *framed) ask(stream uint32, body []byte, whole bool) {
	f.t.Helper()
	f.check(f.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: head(post2...), EndHeaders: true}))
	for part := range slices.Chunk(body, 16<<10) {
		f.check(f.WriteData(stream, false, part))
	}
	if whole {
		f.check(f.WriteData(stream, true, nil))
	}
}

// answer reads one, to its end or its reset.
func (f *framed) answer(stream uint32) (status, body string, code *http2.ErrCode) {
	f.t.Helper()
	for {
		frame, err := f.ReadFrame()
		if err != nil {
			f.t.Fatalf("after status %q, body %q: %v", status, body, err)
		}
		if frame.Header().StreamID != stream {
			continue
		}
		switch frame := frame.(type) {
		case *http2.MetaHeadersFrame:
			status = frame.PseudoValue("status")
		case *http2.DataFrame:
			body += string(frame.Data())
		case *http2.RSTStreamFrame:
			return status, body, &frame.ErrCode
		}
		if frame.Header().Flags.Has(http2.FlagDataEndStream) && frame.Header().Type <= http2.FrameHeaders {
			return status, body, nil
		}
	}
}

func (f *framed) respond(stream uint32, body string) {
	f.check(f.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: head(":status", "200"), EndHeaders: true}))
	f.check(f.WriteData(stream, true, []byte(body)))
}

func TestCodeOfAResetReachesTheCaller(t *testing.T) {
	for _, code := range []http2.ErrCode{
		http2.ErrCodeNo, http2.ErrCodeProtocol, http2.ErrCodeInternal, http2.ErrCodeRefusedStream,
		http2.ErrCodeCancel, http2.ErrCodeEnhanceYourCalm, 0xabcdef,
	} {
		for _, whole := range []bool{true, false} {
			for _, begun := range []bool{true, false} {
				t.Run(fmt.Sprintf("%v, request whole %v, answer begun %v", code, whole, begun), func(t *testing.T) {
					w := httpWorld(t, framedSide(t, !whole, func(f *framed, stream uint32, _ []byte, _ bool) {
						if begun {
							f.check(f.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: head(":status", "200"), EndHeaders: true}))
							f.check(f.WriteData(stream, false, []byte("half")))
						}
						_ = f.WriteRSTStream(stream, code)
					}))
					c := w.framedCaller()
					for stream := uint32(1); stream < 6; stream += 2 {
						c.ask(stream, []byte("body"), whole)
						status, body, got := c.answer(stream)
						if got == nil || *got != code {
							t.Errorf("stream %d got %q, %q, code %v", stream, status, body, got)
						}
						if begun && (status != "200" || body != "half") {
							t.Errorf("before it came %q, %q", status, body)
						}
					}
				})
			}
		}
	}
}

func TestRequestThatWasNotProcessedIsMadeAgain(t *testing.T) {
	refused := func(f *framed, stream uint32) { f.check(f.WriteRSTStream(stream, http2.ErrCodeRefusedStream)) }
	goAway := func(f *framed, _ uint32) { f.check(f.WriteGoAway(0, http2.ErrCodeNo, nil)) }
	for name, c := range map[string]struct {
		unprocessed func(*framed, uint32)
		size        int
		again       bool
	}{
		"refused":               {refused, 40_000, true},
		"refused, without body": {refused, 0, true},
		"refused, much":         {refused, 200_000, false},
		"sent away":             {goAway, 40_000, true},
		"sent away, much":       {goAway, 200_000, false},
	} {
		t.Run(name, func(t *testing.T) {
			var asked atomic.Int32
			w := httpWorld(t, framedSide(t, false, func(f *framed, stream uint32, body []byte, _ bool) {
				if asked.Add(1) == 1 {
					c.unprocessed(f, stream)
					return
				}
				f.respond(stream, fmt.Sprint(len(body), len(bytes.Trim(body, "x"))))
			}))
			caller := w.framedCaller()
			caller.ask(1, bytes.Repeat([]byte("x"), c.size), true)
			status, body, code := caller.answer(1)
			if c.again && (code != nil || status != "200" || body != fmt.Sprint(c.size, 0)) {
				t.Errorf("got %q, %q, code %v", status, body, code)
			}
			if !c.again && (code == nil || *code != http2.ErrCodeRefusedStream) {
				t.Errorf("got %q, %q, code %v", status, body, code)
			}
			caller.ask(3, []byte("next"), true)
			if status, body, code := caller.answer(3); status != "200" || body != "4 4" {
				t.Errorf("the next one got %q, %q, code %v", status, body, code)
			}
		})
	}
}

func TestRequestIsMadeAgainWhileItComes(t *testing.T) {
	const size, rounds = 30_000, 50
	var refused sync.Map // every other stream, when some of it has come
	w := httpWorld(t, framedSide(t, true, func(f *framed, stream uint32, body []byte, whole bool) {
		if stream%4 == 1 {
			if _, known := refused.LoadOrStore(stream, true); !known {
				f.check(f.WriteRSTStream(stream, http2.ErrCodeRefusedStream))
			}
		} else if whole {
			f.respond(stream, fmt.Sprint(len(body), len(bytes.Trim(body, "x"))))
		}
	}))
	c := w.framedCaller()
	for i := range uint32(rounds) {
		stream := 2*i + 1
		c.check(c.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: head(append(slices.Clone(post2), "trailer", "sum")...), EndHeaders: true}))
		for range 10 {
			c.check(c.WriteData(stream, false, bytes.Repeat([]byte("x"), size/10)))
		}
		c.check(c.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: head("sum", "7"), EndHeaders: true, EndStream: true}))
		if status, body, code := c.answer(stream); status != "200" || body != fmt.Sprint(size, 0) {
			t.Fatalf("got %q, %q, code %v", status, body, code)
		}
	}
}

func TestServerThatWantsNoRequestsIsBelieved(t *testing.T) {
	for name, c := range map[string]struct {
		method string
		code   http2.ErrCode
		asked  int32
	}{
		"one that refuses":          {"POST", http2.ErrCodeRefusedStream, 1 + replays},
		"one that wants calm":       {"POST", http2.ErrCodeEnhanceYourCalm, 1},
		"one that wants it of GETs": {"GET", http2.ErrCodeEnhanceYourCalm, 1},
	} {
		t.Run(name, func(t *testing.T) {
			var asked atomic.Int32
			w := httpWorld(t, framedSide(t, false, func(f *framed, stream uint32, _ []byte, _ bool) {
				asked.Add(1)
				f.check(f.WriteRSTStream(stream, c.code))
			}))
			caller := w.framedCaller()
			fields := append([]string{":method", c.method}, post2[2:]...)
			caller.check(caller.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: head(fields...), EndHeaders: true, EndStream: true}))
			if _, _, code := caller.answer(1); code == nil || *code != c.code {
				t.Errorf("got code %v", code)
			}
			if n := asked.Load(); n != c.asked {
				t.Errorf("it was asked %d times", n)
			}
		})
	}
}

func TestNumberOfAStreamIsNotSeen(t *testing.T) {
	got := make(chan http.Header, 1)
	w := httpWorld(t, h2cSide(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		h := r.Header.Clone()
		for name := range r.Trailer {
			h["Trailer-"+name] = r.Trailer[name]
		}
		got <- h
	})))
	name := strings.ToLower(numberName)
	for what, c := range map[string]struct {
		fields, want []string
		parts        int
	}{
		"a head of one frame":       {nil, nil, 1},
		"a head of many frames":     {[]string{"x", "y"}, nil, 5},
		"a caller who has its name": {[]string{name, "a", name, "b"}, []string{"a", "b"}, 1},
	} {
		t.Run(what, func(t *testing.T) {
			f := w.framedCaller()
			for stream := uint32(1); stream < 6; stream += 2 {
				block := head(append(slices.Concat(post2, []string{"user-agent", "me", "trailer", "sum"}), c.fields...)...)
				parts := slices.Collect(slices.Chunk(block, len(block)/c.parts+1))
				f.check(f.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: parts[0], PadLength: 7, EndHeaders: len(parts) == 1}))
				for i, part := range parts[1:] {
					f.check(f.WriteContinuation(stream, i == len(parts)-2, part))
				}
				f.check(f.WriteData(stream, false, []byte("body")))
				f.check(f.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: head("sum", strconv.Itoa(int(stream))), EndHeaders: true, EndStream: true}))
				status, _, code := f.answer(stream)
				if status != "200" || code != nil {
					t.Fatalf("got %q, code %v", status, code)
				}
				h := <-got
				if h.Get("User-Agent") != "me" || !slices.Equal(h[numberName], c.want) || h.Get("Trailer-Sum") != strconv.Itoa(int(stream)) {
					t.Errorf("the server got %v", h)
				}
			}
		})
	}
}

// TestFramesMayComeInParts: what is made of them is the same however they are cut.
func TestFramesMayComeInParts(t *testing.T) {
	var sent bytes.Buffer
	f := http2.NewFramer(&sent, nil)
	_ = f.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 20}, http2.Setting{ID: http2.SettingMaxFrameSize, Val: 0xabcdef}, http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: 5})
	_ = f.WriteSettings(http2.Setting{ID: http2.SettingMaxFrameSize, Val: 0x4321})
	_ = f.WriteSettingsAck()
	_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: head(post2...), EndHeaders: true})
	_ = f.WriteData(1, false, []byte("body"))
	_ = f.WriteData(1, true, nil)
	_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 3, BlockFragment: head(post2...)})
	_ = f.WriteContinuation(3, true, nil)
	_ = f.WriteRSTStream(1, http2.ErrCodeInternal)
	_ = f.WriteRSTStream(3, http2.ErrCodeInternal)
	made := map[string]func(part int) []byte{
		"numbers": func(part int) []byte {
			n := numbers{frames: frames{preface: len(preface)}}
			for b := range slices.Chunk(slices.Concat(preface, sent.Bytes()), part) {
				n.pass(b)
			}
			return n.out
		},
		"codes": func(part int) (out []byte) {
			var c codes
			c.choose(3, 0x01020304)
			for b := range slices.Chunk(sent.Bytes(), part) {
				out = append(out, c.pass(b)...)
			}
			return out
		},
		"answers": func(part int) []byte {
			var a answers
			out := bytes.Clone(sent.Bytes())
			for b := range slices.Chunk(out, part) {
				a.pass(b)
			}
			return out
		},
	}
	want := map[string]string{
		"numbers": "SETTINGS abcdef, SETTINGS 4321, SETTINGS 0, HEADERS 1, CONTINUATION 1, DATA 1, DATA 1, HEADERS 3, CONTINUATION 3, CONTINUATION 3, RST_STREAM 1 2, RST_STREAM 3 2",
		"codes":   "SETTINGS abcdef, SETTINGS 4321, SETTINGS 0, HEADERS 1, DATA 1, DATA 1, HEADERS 3, CONTINUATION 3, RST_STREAM 1 2, RST_STREAM 3 1020304",
		"answers": "SETTINGS 10000, SETTINGS 4321, SETTINGS 0, HEADERS 1, DATA 1, DATA 1, HEADERS 3, CONTINUATION 3, RST_STREAM 1 40000002, RST_STREAM 3 40000002",
	}
	for name, pass := range made {
		whole := pass(1 << 20)
		for part := 1; part < 60; part++ {
			if !bytes.Equal(pass(part), whole) {
				t.Errorf("%s: parts of %d make a difference", name, part)
			}
		}
		if got := described(t, bytes.TrimPrefix(whole, preface)); got != want[name] {
			t.Errorf("%s: made\n%s, want\n%s", name, got, want[name])
		}
	}
}

// described are frames in words.
func described(t *testing.T, b []byte) string {
	f := http2.NewFramer(nil, bytes.NewReader(b))
	var all []string
	for {
		frame, err := f.ReadFrame()
		if err == io.EOF { //nolint:errorlint // exactly
			return strings.Join(all, ", ")
		}
		if err != nil {
			t.Fatalf("after %v: %v", all, err)
		}
		one := fmt.Sprintf("%v %d", frame.Header().Type, frame.Header().StreamID)
		switch frame := frame.(type) {
		case *http2.SettingsFrame:
			size, _ := frame.Value(http2.SettingMaxFrameSize)
			one = fmt.Sprintf("SETTINGS %x", size)
		case *http2.RSTStreamFrame:
			one += fmt.Sprintf(" %x", uint32(frame.ErrCode))
		}
		all = append(all, one)
	}
}
