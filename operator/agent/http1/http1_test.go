package http1

import (
	"errors"
	"strings"
	"testing"
)

// ended gives where a message ends that comes in the parts that cut at positions makes
// of b: -1 when it is not complete.
func ended(b string, parse func(head []byte) (Body, error), cuts ...int) (int, error) {
	var scan Scanner
	var body *Body
	seen, cuts := 0, append(cuts, len(b))
	for _, end := range cuts {
		if body == nil {
			n, err := scan.End([]byte(b[:end]))
			if err != nil {
				return 0, err
			}
			if n == 0 {
				continue
			}
			parsed, err := parse([]byte(b[:n]))
			if err != nil {
				return 0, err
			}
			body, seen = &parsed, n
		}
		n, err := body.Feed([]byte(b[seen:end]))
		if seen += n; err != nil {
			return seen, err
		}
		if body.Done() {
			return seen, nil
		}
	}
	return -1, nil
}

func request(head []byte) (Body, error) {
	r, err := ParseRequest(head)
	return r.Body, err
}

func response(method string) func([]byte) (Body, error) {
	return func(head []byte) (Body, error) {
		r, err := ParseResponse(head, method)
		return r.Body, err
	}
}

// whole are messages, by the method of the request for responses; what follows | is
// the next message's.
var whole = []struct{ method, message string }{
	{"", "GET / HTTP/1.1\r\nHost: a\r\n\r\n|GET /"},
	{"", "GET /?q=a%20b HTTP/1.0\r\n\r\n|"},
	{"", "get * HTTP/1.1\r\nX:\r\nY:\t v \t\r\n\r\n|x"},
	{"", "POST / HTTP/1.1\r\ncontent-LENGTH: 5\r\n\r\nhello|GET"},
	{"", "POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n|GET"},
	{"", "POST / HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n|G"},
	{"", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nA;name=\"va;lue\"\r\n0123456789\r\n00\r\nTrailer: x\r\nOther: y\r\n\r\n|G"},
	{"", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n\r\n\r\n0\r\n\r\n|\r\n"},
	{"", "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n|bytes"},
	{"GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok|HTTP/1.1"},
	{"GET", "HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok|HTTP/1.1"},
	{"GET", "HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n|HTTP"},
	{"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n|HTTP"},
	{"HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n|HTTP"},
	{"GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 2000\r\n\r\n|HTTP"},
	{"GET", "HTTP/1.1 204 No Content\r\n\r\n|HTTP"},
	{"GET", "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n|HTTP/1.1 200"},
	{"GET", "HTTP/1.1 100 Continue\r\n\r\n|HTTP/1.1 200"},
}

func TestMessageEndsWhereItEndsHoweverItComes(t *testing.T) {
	for _, c := range whole {
		message, next, _ := strings.Cut(c.message, "|")
		parse := request
		if c.method != "" {
			parse = response(c.method)
		}
		all := message + next
		for i := 0; i <= len(all); i++ {
			for j := i; j <= len(all); j++ {
				if got, err := ended(all, parse, i, j); err != nil || got != len(message) {
					t.Fatalf("%q cut at %d and %d ends at %d, %v; want %d", all, i, j, got, err, len(message))
				}
			}
		}
		for i := range len(message) {
			if got, err := ended(message[:i], parse); err != nil || got != -1 {
				t.Fatalf("%q ends at %d, %v", message[:i], got, err)
			}
		}
	}
}

// ambiguous are messages of which two recipients could think differently.
var ambiguous = []struct{ method, message string }{
	{"", "\r\nGET / HTTP/1.1\r\n\r\n"},
	{"", "GET / HTTP/1.1\nHost: a\n\n"},
	{"", "GET / HTTP/1.1\r\nHost: a\n\r\n"},
	{"", "GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n"},
	{"", "GET / HTTP/1.1\r\n Host: a\r\n\r\n"},
	{"", "GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n"},
	{"", "GET / HTTP/1.1\r\nA : b\r\n\r\n"},
	{"", "GET / HTTP/1.1\r\n: b\r\n\r\n"},
	{"", "GET / HTTP/1.1\r\nno colon\r\n\r\n"},
	{"", "GET / HTTP/1.1\r\nA: b\x00\r\n\r\n"},
	{"", "GET  / HTTP/1.1\r\n\r\n"},
	{"", "GET / a HTTP/1.1\r\n\r\n"},
	{"", "GET / HTTP/1.2\r\n\r\n"},
	{"", "GET / HTTP/2.0\r\n\r\n"},
	{"", "GET /\r\n\r\n"},
	{"", "G(T / HTTP/1.1\r\n\r\n"},
	{"", "GET /\x01 HTTP/1.1\r\n\r\n"},
	{"", "POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
	{"", "POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello"},
	{"", "POST / HTTP/1.1\r\nContent-Length: 5, 5\r\n\r\nhello"},
	{"", "POST / HTTP/1.1\r\nContent-Length: +5\r\n\r\nhello"},
	{"", "POST / HTTP/1.1\r\nContent-Length: 05\r\n\r\nhello"},
	{"", "POST / HTTP/1.1\r\nContent-Length: 0x5\r\n\r\nhello"},
	{"", "POST / HTTP/1.1\r\nContent-Length:\r\n\r\nhello"},
	{"", "POST / HTTP/1.1\r\nContent-Length: 9999999999999999999\r\n\r\n"},
	{"", "POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"},
	{"", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
	{"", "POST / HTTP/1.1\r\nTransfer-Encoding: \vchunked\r\n\r\n0\r\n\r\n"},
	{"", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
	{"", "CONNECT a:1 HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello"},
	{"", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n\r\n"},
	{"", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n"},
	{"", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5 \r\nhello\r\n0\r\n\r\n"},
	{"", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n"},
	{"", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5;a\nhello\r\n0\r\n\r\n"},
	{"", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\n0\r\n\r\n"},
	{"", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello!\r\n0\r\n\r\n"},
	{"", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: b\n\r\n"},
	{"", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: b\r\n c\r\n\r\n"},
	{"", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n"},
	{"GET", "HTTP/1.1 20 OK\r\n\r\n"},
	{"GET", "HTTP/1.1 2000 OK\r\n\r\n"},
	{"GET", "HTTP/1.1 xxx OK\r\n\r\n"},
	{"GET", "ICY 200 OK\r\n\r\n"},
	{"GET", "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n"},
	{"GET", "HTTP/1.1 100 Continue\r\nTransfer-Encoding: chunked\r\n\r\n"},
	{"GET", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"},
	{"GET", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"},
}

func TestMessageThatCouldBeReadInTwoWaysIsNotSplit(t *testing.T) {
	for _, c := range ambiguous {
		parse := request
		if c.method != "" {
			parse = response(c.method)
		}
		for i := 0; i <= len(c.message); i++ {
			if _, err := ended(c.message, parse, i); !errors.Is(err, ErrAmbiguous) {
				t.Errorf("%q cut at %d: %v", c.message, i, err)
				break
			}
		}
	}
}

func TestHeadsAndTrailersAreBounded(t *testing.T) {
	long := strings.Repeat("a", MaxHead)
	chunked := "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
	for name, message := range map[string]string{
		"a line without end":      "GET /" + long,
		"a head":                  "GET / HTTP/1.1\r\nA: " + long + "\r\n\r\n",
		"many fields":             "GET / HTTP/1.1\r\n" + strings.Repeat("a: b\r\n", MaxHead/6) + "\r\n",
		"a chunk's extension":     chunked + "5;" + long,
		"zeros of a chunk's size": chunked + strings.Repeat("0", MaxHead),
		"a trailer":               chunked + "0\r\n" + long + "aa",
		"many trailers":           chunked + "0\r\n" + strings.Repeat("a: b\r\n", MaxHead/6+2),
	} {
		if _, err := ended(message, request); !errors.Is(err, ErrAmbiguous) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWhatEndsAConnection(t *testing.T) {
	for head, want := range map[string]bool{
		"GET / HTTP/1.1\r\n\r\n":                                false,
		"GET / HTTP/1.1\r\nConnection: close\r\n\r\n":           true,
		"GET / HTTP/1.1\r\nConnection: x, Close\r\n\r\n":        true,
		"GET / HTTP/1.1\r\nConnection: keep-alive\r\n\r\n":      false,
		"GET / HTTP/1.0\r\n\r\n":                                true,
		"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n":      false,
		"GET / HTTP/1.1\r\nX: y\r\nConnection: a, b ,c\r\n\r\n": false,
	} {
		if r, err := ParseRequest([]byte(head)); err != nil || r.Close != want {
			t.Errorf("%q: %v, %v", head, r.Close, err)
		}
	}
	for head, want := range map[string]bool{
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n":                           false,
		"HTTP/1.1 200 OK\r\n\r\n":                                                true,
		"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\n":      true,
		"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n":                           true,
		"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\n": false,
		"HTTP/1.1 304 Not Modified\r\n\r\n":                                      false,
	} {
		if r, err := ParseResponse([]byte(head), "GET"); err != nil || r.Close != want || r.Switch {
			t.Errorf("%q: %+v, %v", head, r, err)
		}
	}
}

func TestWhatChangesTheProtocol(t *testing.T) {
	for _, c := range []struct {
		method, head string
		want         bool
	}{
		{"GET", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n", true},
		{"CONNECT", "HTTP/1.1 200 OK\r\n\r\n", true},
		{"CONNECT", "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", false},
		{"GET", "HTTP/1.1 200 OK\r\nUpgrade: h2c\r\nContent-Length: 0\r\n\r\n", false},
	} {
		if r, err := ParseResponse([]byte(c.head), c.method); err != nil || r.Switch != c.want {
			t.Errorf("%s %q: %+v, %v", c.method, c.head, r, err)
		}
	}
}

func TestWhatMayBeAskedAgain(t *testing.T) {
	for head, want := range map[string]bool{
		"GET / HTTP/1.1\r\n\r\n":                          true,
		"DELETE / HTTP/1.1\r\n\r\n":                       true,
		"PUT / HTTP/1.1\r\nContent-Length: 1\r\n\r\n":     false,
		"POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n":    false,
		"PATCH / HTTP/1.1\r\n\r\n":                        false,
		"CONNECT a:1 HTTP/1.1\r\n\r\n":                    false,
		"UNKNOWN / HTTP/1.1\r\n\r\n":                      false,
		"OPTIONS * HTTP/1.1\r\nContent-Length: 0\r\n\r\n": true,
	} {
		if r, err := ParseRequest([]byte(head)); err != nil || r.Idempotent() != want {
			t.Errorf("%q: %v, %v", head, r.Idempotent(), err)
		}
	}
}
