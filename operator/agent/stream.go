package agent

import (
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// quiet is where net/http's server says what is the callers' doing.
var quiet = log.New(io.Discard, "", 0)

// The codes of resets that matter (RFC 9113 section 7).
const (
	refusedStream = 7
	calmDown      = 11
)

// replays is how often a request is made again that was not processed: a server says
// how many streams it takes only when there may be more already.
const (
	replays     = 6
	replayPause = 5 * time.Millisecond
)

// streamError is net/http's, which has no name; errors.As knows it by its fields.
type streamError struct {
	StreamID uint32
	Code     uint32
	Cause    error
}

func (e streamError) Error() string { return "the stream was reset" }

// codeOf is the server's code of a reset, if there was one.
func codeOf(err error) (code uint32, reset bool) {
	var e streamError
	if errors.As(err, &e) && e.Code&hidden != 0 {
		return e.Code &^ hidden, true
	}
	return 0, false
}

// unprocessed: the server has said that it has done nothing for the request.
func unprocessed(err error) bool {
	code, reset := codeOf(err)
	return errors.Is(err, errUnprocessed) || reset && code == refusedStream
}

// ServeHTTP carries one stream. Nothing is added and nothing is taken away that the
// two connections of HTTP/2 do not have for themselves, but for what net/http's server
// does not tell: trailers of a request that it did not announce, that it expects
// "100-continue", the code by which a caller resets (its server sees CANCEL).
func (s *streams) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	number := numberOf(r)
	if !s.starts() {
		panic(http.ErrAbortHandler)
	}
	defer s.handlers.Done()
	err := s.carry(w, r)
	if err == nil {
		return
	}
	// The caller sees a reset of the stream, by the code that the server gave if it did.
	// Else it is INTERNAL_ERROR, also where a server's connection broke: no code says
	// that but those of a connection, which here has other streams.
	code, reset := codeOf(err)
	if unprocessed(err) || errors.Is(err, errNowhere) {
		code, reset = refusedStream, true
	}
	if reset && r.Context().Err() == nil {
		s.codes.choose(number, code)
	}
	panic(http.ErrAbortHandler)
}

// numberOf takes the number of its stream from a request.
func numberOf(r *http.Request) uint32 {
	values := r.Header[numberName]
	if len(values) == 0 {
		return 0
	}
	last := len(values) - 1
	number, _ := strconv.ParseUint(values[last], 10, 31)
	if r.Header[numberName] = values[:last]; last == 0 {
		delete(r.Header, numberName)
	}
	return uint32(number)
}

// carry gives a request to the side that is chosen now, and if that has not taken
// it or not answered, once more where that may be.
func (s *streams) carry(w http.ResponseWriter, r *http.Request) error {
	body := newUpload(s.agent, r)
	out := outgoing(w, r, body.try())
	defer body.end()
	to := s.begin(false)
	for again, replayed := false, 0; ; {
		response, err := to.transport.RoundTrip(out)
		if err == nil {
			body.last()
			err = pass(w, r, response)
			s.end(to)
			return err
		}
		s.end(to)
		code, reset := codeOf(err)
		origin := false
		switch {
		case r.Context().Err() != nil:
			return err
		case errors.Is(err, errNowhere):
			s.nowhere()
			return err
		case errors.Is(err, errNotTaken):
			origin = true
		case unprocessed(err) && replayed < replays:
			pause(r.Context(), time.Duration(replayed)*replayPause)
			replayed++
		case !again && harmless(r) && (!reset || code != calmDown):
			again = true
		default:
			s.agent.cfg.Log.Debug("a stream got no answer", "error", err)
			return err
		}
		try := body.try()
		if try == nil {
			return err
		}
		to, out = s.begin(origin), outgoing(w, r, try)
	}
}

// harmless: a request may be made again (RFC 9110 section 9.2.2), and has no body.
func harmless(r *http.Request) bool {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace, http.MethodPut, http.MethodDelete:
		return r.ContentLength == 0
	}
	return false
}

// outgoing is a caller's request as it goes on.
func outgoing(w http.ResponseWriter, r *http.Request, body *try) *http.Request {
	request := *r
	request.Trailer = nil // which may be about to be filled
	out := request.Clone(r.Context())
	out.RequestURI = ""
	// The host is for the transport's own use; the request has its own.
	out.URL = &url.URL{Scheme: "http", Host: "side", Opaque: r.RequestURI}
	if strings.HasPrefix(r.RequestURI, "//") {
		out.URL = &url.URL{Scheme: "http", Host: "side", Path: r.URL.Path, RawPath: r.URL.RawPath, RawQuery: r.URL.RawQuery}
	}
	out.Trailer = body.trailers
	out.Body = http.NoBody
	if r.ContentLength != 0 {
		out.Body = body
		out.GetBody = func() (io.ReadCloser, error) { return nil, errUnprocessed }
	}
	if _, said := out.Header["User-Agent"]; !said {
		out.Header["User-Agent"] = nil // else net/http says its own
	}
	return out.WithContext(httptrace.WithClientTrace(out.Context(), &httptrace.ClientTrace{
		Got1xxResponse: func(code int, header textproto.MIMEHeader) error {
			if code == http.StatusContinue {
				return nil // net/http has said that
			}
			add(w.Header(), http.Header(header))
			w.WriteHeader(code)
			clear(w.Header())
			return nil
		},
	}))
}

// pass hands an answer back as it comes.
func pass(w http.ResponseWriter, r *http.Request, response *http.Response) error {
	defer func() { _ = response.Body.Close() }()
	h := w.Header()
	// What net/http would add of its own.
	h["Date"], h["Content-Type"], h["Content-Length"] = nil, nil, nil
	add(h, response.Header)
	announced := map[string]bool{}
	for name := range response.Trailer {
		announced[name] = true
		h.Add("Trailer", name)
	}
	w.WriteHeader(response.StatusCode)
	if response.ContentLength != 0 && hasContent(r, response) {
		if err := flow(w, response.Body); err != nil {
			return err
		}
	} else if _, err := io.Copy(io.Discard, response.Body); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err // but for the length that a 304 tells and does not have
	}
	for name, values := range response.Trailer {
		if !announced[name] {
			name = http.TrailerPrefix + name
		}
		h[name] = values
	}
	return nil
}

// hasContent tells whether an answer can have one (RFC 9110 section 6.4.1). The head of
// one that can't is its end.
func hasContent(r *http.Request, response *http.Response) bool {
	switch {
	case r.Method == http.MethodHead, response.StatusCode == http.StatusNoContent, response.StatusCode == http.StatusNotModified:
		return false
	}
	return true
}

// flow copies, and holds nothing back.
func flow(w http.ResponseWriter, body io.Reader) error {
	flusher := http.NewResponseController(w)
	room, ok := bodyRooms.Get().(*[bodyRoom]byte)
	if !ok {
		return errFull
	}
	defer bodyRooms.Put(room)
	for {
		// The head, too, goes before what may take long.
		if err := flusher.Flush(); err != nil {
			return err
		}
		n, err := body.Read(room[:])
		if n > 0 {
			if _, err := w.Write(room[:n]); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func add(to, from http.Header) {
	for name, values := range from {
		to[name] = append(to[name], values...)
	}
}
