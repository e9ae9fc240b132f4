package sandbox

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"syscall"
	"time"
)

// startWeb serves the HTTP proxy: CONNECT for anything, absolute URIs for plain HTTP.
func (o *outbound) startWeb() {
	o.webTrans = &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			return o.dial(ctx, network, address)
		},
		Proxy: func(r *http.Request) (*url.URL, error) {
			if o.isCluster(r.Context(), r.URL.Hostname()) {
				return nil, nil
			}
			return o.user.forURL(r.URL), nil
		},
		DisableCompression:    true,
		MaxIdleConnsPerHost:   16,
		IdleConnTimeout:       30 * time.Second,
		ExpectContinueTimeout: time.Second,
	}
	forward := &httputil.ReverseProxy{
		Rewrite:       keepRequest,
		Transport:     o.webTrans,
		FlushInterval: -1,
		ErrorLog:      slog.NewLogLogger(o.log.Handler(), slog.LevelDebug),
		ErrorHandler:  func(w http.ResponseWriter, r *http.Request, err error) { o.webFailed(w, r.URL.Host, err) },
	}
	o.webSrv = &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch {
			case r.Method == http.MethodConnect:
				o.serveConnect(w, r)
			case r.URL.IsAbs() && r.URL.Scheme == "http":
				forward.ServeHTTP(w, r)
			default:
				http.Error(w, "kubetunnel: this is a proxy: absolute http:// addresses and CONNECT only", http.StatusBadRequest)
			}
		}),
		ReadHeaderTimeout: time.Minute,
		BaseContext:       func(net.Listener) context.Context { return o.ctx },
		ErrorLog:          slog.NewLogLogger(o.log.Handler(), slog.LevelDebug),
	}
	o.tasks.Go(func() {
		if err := o.webSrv.Serve(o.web); err != nil && !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			o.log.Warn("the HTTP proxy has ended", "error", err)
		}
	})
}

// keepRequest undoes what a reverse proxy does to a request: this one is in the
// client's hands, not in a server's.
func keepRequest(r *httputil.ProxyRequest) {
	r.Out.URL.RawQuery = r.In.URL.RawQuery
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"} {
		if values, ok := r.In.Header[name]; ok {
			r.Out.Header[name] = values
		}
	}
	r.Out.Header.Del("Proxy-Connection")
}

func (o *outbound) serveConnect(w http.ResponseWriter, r *http.Request) {
	far, err := o.dialOut(r.Context(), "https", r.Host)
	if err != nil {
		o.webFailed(w, r.Host, err)
		return
	}
	near, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		_ = far.Close()
		o.webFailed(w, r.Host, err)
		return
	}
	if !o.add(near) {
		_ = far.Close()
		return
	}
	defer o.drop(near)
	if _, err := io.WriteString(near, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		_ = far.Close()
		return
	}
	o.relay(&bufferedConn{Conn: near, reader: buffered.Reader}, far)
}

// webFailed tells the client what went wrong in the proxy's own words.
func (o *outbound) webFailed(w http.ResponseWriter, host string, err error) {
	if errors.Is(err, context.Canceled) {
		// The client has gone, or the session.
		panic(http.ErrAbortHandler)
	}
	o.log.Debug("HTTP proxy", "host", host, "error", err)
	status := http.StatusBadGateway
	if errors.Is(err, syscall.ETIMEDOUT) || errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) {
		status = http.StatusGatewayTimeout
	}
	http.Error(w, "kubetunnel: "+host+": "+err.Error(), status)
}

// bufferedConn reads first what the HTTP server had read ahead.
type bufferedConn struct {
	net.Conn
	reader *bufio.Reader
}

func (c *bufferedConn) Read(p []byte) (int, error) { return c.reader.Read(p) }

func (c *bufferedConn) CloseWrite() error {
	if cw, ok := c.Conn.(closeWriter); ok {
		return cw.CloseWrite()
	}
	return c.Close()
}
