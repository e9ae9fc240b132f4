package http1

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
)

// Where net/http and this package both find a message, it ends at the same byte.

func FuzzRequestsEndWhereNetHTTPSaysSo(f *testing.F) {
	for _, c := range append(whole, ambiguous...) {
		if c.method == "" {
			f.Add([]byte(strings.Replace(c.message, "|", "", 1)), 7)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte, cut int) {
		got, err := ended(string(b), request, within(cut, b))
		if again, err2 := ended(string(b), request); again != got || (err == nil) != (err2 == nil) {
			t.Fatalf("%q cut at %d ends at %d, %v; uncut at %d, %v", b, cut, got, err, again, err2)
		}
		if err != nil || got < 0 {
			return
		}
		left := bytes.NewReader(b)
		r := bufio.NewReader(left)
		parsed, err := http.ReadRequest(r)
		if err != nil {
			return // it asks for more than framing
		}
		if _, err := io.Copy(io.Discard, parsed.Body); err != nil {
			return
		}
		if want := len(b) - left.Len() - r.Buffered(); got != want {
			t.Errorf("%q ends at %d, net/http says %d", b, got, want)
		}
	})
}

func FuzzResponsesEndWhereNetHTTPSaysSo(f *testing.F) {
	for _, c := range append(whole, ambiguous...) {
		if c.method != "" {
			f.Add([]byte(strings.Replace(c.message, "|", "", 1)), 7, c.method == "HEAD")
		}
	}
	f.Fuzz(func(t *testing.T, b []byte, cut int, head bool) {
		method := http.MethodGet
		if head {
			method = http.MethodHead
		}
		got, err := ended(string(b), response(method), within(cut, b))
		if err != nil || got < 0 {
			return
		}
		var scan Scanner
		length, _ := scan.End(b)
		if r, _ := ParseResponse(b[:length], method); r.Close || r.Switch {
			return // the rest is carried by connection
		}
		left := bytes.NewReader(b)
		buffered := bufio.NewReader(left)
		parsed, err := http.ReadResponse(buffered, &http.Request{Method: method})
		if err != nil {
			return
		}
		if _, err := io.Copy(io.Discard, parsed.Body); err != nil {
			return
		}
		if want := len(b) - left.Len() - buffered.Buffered(); got != want {
			t.Errorf("%q ends at %d, net/http says %d", b, got, want)
		}
	})
}

func within(cut int, b []byte) int { return max(0, min(cut, len(b))) }
