package agent

import (
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"net/url"
	"strings"
)

// quiet is where net/http's server says what is the callers' doing.
var quiet = log.New(io.Discard, "", 0)

// ServeHTTP carries one stream. Nothing is added and nothing is taken away that the
// two connections of HTTP/2 do not have for themselves.
func (s *streams) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !s.starts() {
		panic(http.ErrAbortHandler)
	}
	defer s.handlers.Done()
	out := outgoing(w, r)
	to := s.begin(false)
	for again := false; ; {
		response, err := to.transport.RoundTrip(out)
		if err == nil {
			err = pass(w, r, response)
			s.end(to)
			if err != nil {
				panic(http.ErrAbortHandler) // the caller sees a reset of the stream
			}
			return
		}
		s.end(to)
		switch {
		case r.Context().Err() != nil:
			panic(http.ErrAbortHandler)
		case errors.Is(err, errNotTaken):
			to = s.begin(true)
		case errors.Is(err, errNowhere):
			s.nowhere()
			panic(http.ErrAbortHandler)
		case !again && harmless(r):
			again, to = true, s.begin(false)
		default:
			s.agent.cfg.Log.Debug("a stream got no answer", "error", err)
			panic(http.ErrAbortHandler)
		}
		out = outgoing(w, r)
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
func outgoing(w http.ResponseWriter, r *http.Request) *http.Request {
	out := r.Clone(r.Context())
	out.RequestURI = ""
	// The host is for the transport's own use; the request has its own.
	out.URL = &url.URL{Scheme: "http", Host: "side", Opaque: r.RequestURI}
	if strings.HasPrefix(r.RequestURI, "//") {
		out.URL = &url.URL{Scheme: "http", Host: "side", Path: r.URL.Path, RawPath: r.URL.RawPath, RawQuery: r.URL.RawQuery}
	}
	out.Trailer = r.Trailer // filled when the body has been read
	out.Body = http.NoBody
	if r.ContentLength != 0 {
		out.Body = kept{r.Body}
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

// kept is a body that outlives a transport which could not send it.
type kept struct{ io.Reader }

func (kept) Close() error { return nil }

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
