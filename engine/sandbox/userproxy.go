package sandbox

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"

	"golang.org/x/net/http/httpproxy"
	"golang.org/x/net/proxy"
)

// userProxy is the proxy that the user's own environment names. The debuggee's
// variables name ours instead, so what is not the cluster's is passed on to it.
type userProxy struct {
	http, all func(*url.URL) (*url.URL, error)
}

func userProxyFromEnvironment() userProxy {
	web := httpproxy.FromEnvironment()
	all := *web
	if value := firstEnv("ALL_PROXY", "all_proxy"); value != "" {
		all.HTTPProxy, all.HTTPSProxy = value, value
		if web.HTTPProxy == "" {
			web.HTTPProxy = value
		}
		if web.HTTPSProxy == "" {
			web.HTTPSProxy = value
		}
	} else {
		// Raw TCP left directly before; so it does now.
		all.HTTPProxy, all.HTTPSProxy = "", ""
	}
	return userProxy{http: web.ProxyFunc(), all: all.ProxyFunc()}
}

func firstEnv(names ...string) string {
	for _, name := range names {
		if value := os.Getenv(name); value != "" {
			return value
		}
	}
	return ""
}

// forURL gives the proxy for a plain request, nil for none.
func (u userProxy) forURL(target *url.URL) *url.URL {
	if u.http == nil {
		return nil
	}
	found, err := u.http(target)
	if err != nil {
		return nil
	}
	return found
}

// find gives the proxy for a connection: scheme "https" for CONNECT, "all" for any other.
func (u userProxy) find(scheme, address string) *url.URL {
	if u.http == nil {
		return nil
	}
	if scheme == "https" {
		return u.forURL(&url.URL{Scheme: "https", Host: address})
	}
	found, err := u.all(&url.URL{Scheme: "https", Host: address})
	if err != nil {
		return nil
	}
	return found
}

// dialByProxy connects to an address through a proxy of the user.
func dialByProxy(ctx context.Context, via *url.URL, address string) (net.Conn, error) {
	switch via.Scheme {
	case "socks5", "socks5h":
		dialer, err := proxy.FromURL(via, &net.Dialer{Timeout: dialTime})
		if err != nil {
			return nil, err
		}
		withContext, ok := dialer.(proxy.ContextDialer)
		if !ok {
			return nil, errors.ErrUnsupported
		}
		return withContext.DialContext(ctx, "tcp", address)
	case "http", "https":
		return dialByConnect(ctx, via, address)
	default:
		return nil, fmt.Errorf("proxy %s: scheme %q: %w", via.Redacted(), via.Scheme, errors.ErrUnsupported)
	}
}

func dialByConnect(ctx context.Context, via *url.URL, address string) (net.Conn, error) {
	port := via.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[via.Scheme]
	}
	d := net.Dialer{Timeout: dialTime}
	conn, err := d.DialContext(ctx, "tcp", net.JoinHostPort(via.Hostname(), port))
	if err != nil {
		return nil, fmt.Errorf("proxy %s: %w", via.Redacted(), err)
	}
	if via.Scheme == "https" {
		conn = tls.Client(conn, &tls.Config{ServerName: via.Hostname()})
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	reader, err := connectThrough(conn, via, address)
	if err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("proxy %s: %w", via.Redacted(), err)
	}
	return &bufferedConn{Conn: conn, reader: reader}, nil
}

func connectThrough(conn net.Conn, via *url.URL, address string) (*bufio.Reader, error) {
	request := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: address}, Host: address, Header: http.Header{}}
	if user := via.User; user != nil {
		password, _ := user.Password()
		request.Header.Set("Proxy-Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(user.Username()+":"+password)))
	}
	if err := request.Write(conn); err != nil {
		return nil, err
	}
	reader := bufio.NewReader(conn)
	response, err := http.ReadResponse(reader, request)
	if err != nil {
		return nil, err
	}
	// The body of a granted CONNECT is the connection itself.
	if response.StatusCode != http.StatusOK {
		_ = response.Body.Close()
		return nil, fmt.Errorf("CONNECT %s: %s", address, response.Status)
	}
	return reader, nil
}
