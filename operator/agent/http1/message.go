package http1

import "bytes"

// Request is what a request's head says of framing.
type Request struct {
	Method string
	// Close: the connection ends after its answer.
	Close bool
	// Expect: the body may wait for a 100 (Continue).
	Expect bool
	Body   Body
}

// ParseRequest reads a head, from the request line to the empty line.
func ParseRequest(head []byte) (Request, error) {
	line, rest, _ := bytes.Cut(head, []byte("\r\n"))
	method, line, _ := bytes.Cut(line, []byte(" "))
	target, version, _ := bytes.Cut(line, []byte(" "))
	minor, ok := minorOf(version)
	if !ok || !isToken(method) || !isTarget(target) {
		return Request{}, ErrAmbiguous
	}
	f, err := parseFields(rest)
	if err != nil {
		return Request{}, err
	}
	r := Request{Method: string(method), Close: f.ends(minor), Expect: f.expect}
	switch {
	case f.chunked && minor == 0, r.Method == "CONNECT" && (f.chunked || f.length > 0):
		return Request{}, ErrAmbiguous
	case f.chunked:
		r.Body = Body{kind: chunked}
	case f.length > 0:
		r.Body = Body{kind: counted, left: f.length}
	}
	return r, nil
}

// Idempotent tells whether a request may be made again when nothing is known of its
// fate (RFC 9110 section 9.2.2). One with a body counts as not: it is not kept.
func (r *Request) Idempotent() bool {
	switch r.Method {
	case "GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE":
		return r.Body.Done()
	}
	return false
}

// Response is what a response's head says of framing.
type Response struct {
	Status int
	// Close: the connection ends after this response, or with it.
	Close bool
	// Switch: what follows is of another protocol (101, or 2xx to CONNECT).
	Switch bool
	// Body is not known when Close or Switch is set.
	Body Body
}

// Interim tells whether another response to the same request follows.
func (r *Response) Interim() bool { return r.Status < 200 && !r.Switch }

// ParseResponse reads a head, from the status line to the empty line; method is the request's.
func ParseResponse(head []byte, method string) (Response, error) {
	line, rest, _ := bytes.Cut(head, []byte("\r\n"))
	version, line, _ := bytes.Cut(line, []byte(" "))
	minor, ok := minorOf(version)
	status, known := statusOf(line)
	if !ok || !known {
		return Response{}, ErrAmbiguous
	}
	f, err := parseFields(rest)
	if err != nil {
		return Response{}, err
	}
	r := Response{Status: status, Close: f.ends(minor)}
	r.Switch = status == 101 || method == "CONNECT" && status/100 == 2
	if r.Switch {
		return r, nil
	}
	if f.chunked && minor == 0 {
		return Response{}, ErrAmbiguous
	}
	return r.framed(f, method)
}

// framed is RFC 9112 section 6.3, from the point of view of a client.
func (r Response) framed(f fields, method string) (Response, error) {
	switch {
	case r.Interim(), r.Status == 204:
		if f.chunked || f.length > 0 {
			return Response{}, ErrAmbiguous // it has no body, and says that it has
		}
		r.Close = r.Close && !r.Interim()
	case method == "HEAD", r.Status == 304:
		// The fields are those of what would have come.
	case f.chunked:
		r.Body = Body{kind: chunked}
	case f.length > 0:
		r.Body = Body{kind: counted, left: f.length}
	case f.length < 0:
		r.Close = true // its end is the connection's
	}
	return r, nil
}

// ends: RFC 9112 section 9.3.
func (f *fields) ends(minor int) bool { return f.close || minor == 0 && !f.keepAlive }

func minorOf(version []byte) (int, bool) {
	switch string(version) {
	case "HTTP/1.1":
		return 1, true
	case "HTTP/1.0":
		return 0, true
	}
	return 0, false
}

// statusOf reads "200 OK" and "200".
func statusOf(line []byte) (int, bool) {
	code, _, _ := bytes.Cut(line, []byte(" "))
	if len(code) != 3 || code[0] < '1' || code[0] > '9' {
		return 0, false
	}
	n, ok := parseLength(code)
	return int(n), ok
}

func isTarget(b []byte) bool {
	for _, c := range b {
		if c <= ' ' || c == 0x7f {
			return false
		}
	}
	return len(b) > 0
}
