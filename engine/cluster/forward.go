package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/httpstream"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/transport/spdy"
)

// forwardPod opens a connection to a port on a pod's 127.0.0.1 through the API
// server's port-forward: over WebSocket (KEP-4006), or over SPDY where the server
// or a proxy on the way does not take that.
func (c *Client) forwardPod(ctx context.Context, namespace, pod string, port int32) (io.ReadWriteCloser, error) {
	a := access{verb: "create", resource: "pods/portforward", namespace: namespace, name: pod}
	dialer, err := c.forwardDialer(namespace, pod)
	if err != nil {
		return nil, err
	}
	type result struct {
		conn httpstream.Connection
		err  error
	}
	// Dial takes no context: a late connection is closed by whoever gave up on it.
	done := make(chan result, 1)
	go func() {
		conn, _, err := dialer.Dial(portforward.PortForwardProtocolV1Name)
		done <- result{conn, err}
	}()
	select {
	case <-ctx.Done():
		go func() {
			if r := <-done; r.conn != nil {
				_ = r.conn.Close()
			}
		}()
		return nil, ctx.Err()
	case r := <-done:
		if r.err != nil {
			return nil, c.explain(r.err, a)
		}
		forward, err := openForward(r.conn, port)
		if err != nil {
			_ = r.conn.Close()
			return nil, fmt.Errorf("port-forward to pod %s/%s port %d: %w", namespace, pod, port, err)
		}
		return forward, nil
	}
}

func (c *Client) forwardDialer(namespace, pod string) (httpstream.Dialer, error) {
	u := c.kube.CoreV1().RESTClient().Post().Resource("pods").Namespace(namespace).Name(pod).SubResource("portforward").URL()
	transport, upgrader, err := spdy.RoundTripperFor(c.rest)
	if err != nil {
		return nil, fmt.Errorf("port-forward: %w", err)
	}
	spdyDialer := spdy.NewDialer(upgrader, &http.Client{Transport: transport}, http.MethodPost, u)
	webSocket, err := portforward.NewSPDYOverWebsocketDialer(u, c.rest)
	if err != nil {
		return nil, fmt.Errorf("port-forward: %w", err)
	}
	return portforward.NewFallbackDialer(webSocket, spdyDialer, func(err error) bool {
		return httpstream.IsUpgradeFailure(err) || httpstream.IsHTTPSProxyError(err)
	}), nil
}

// forward is one port-forwarded connection. Its goroutine waits for the error
// stream's end and is ended by Close.
type forward struct {
	conn httpstream.Connection
	data httpstream.Stream

	once sync.Once
	mu   sync.Mutex
	err  error
}

func openForward(conn httpstream.Connection, port int32) (*forward, error) {
	headers := http.Header{}
	headers.Set(corev1.StreamType, corev1.StreamTypeError)
	headers.Set(corev1.PortHeader, strconv.Itoa(int(port)))
	headers.Set(corev1.PortForwardRequestIDHeader, "0")
	errorStream, err := conn.CreateStream(headers)
	if err != nil {
		return nil, fmt.Errorf("error stream: %w", err)
	}
	// Nothing is ever sent on it; closing our half says so.
	if err := errorStream.Close(); err != nil {
		return nil, fmt.Errorf("error stream: %w", err)
	}
	headers.Set(corev1.StreamType, corev1.StreamTypeData)
	data, err := conn.CreateStream(headers)
	if err != nil {
		return nil, fmt.Errorf("data stream: %w", err)
	}
	f := &forward{conn: conn, data: data}
	go f.watch(errorStream)
	return f, nil
}

// watch ends the forward when the kubelet reports an error, such as nobody
// listening on the port.
func (f *forward) watch(errorStream httpstream.Stream) {
	message, err := io.ReadAll(io.LimitReader(errorStream, 4096))
	if err == nil && len(message) == 0 {
		return
	}
	if len(message) > 0 {
		f.mu.Lock()
		f.err = errors.New(string(message))
		f.mu.Unlock()
	}
	_ = f.Close()
}

func (f *forward) reason(err error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil && f.err != nil {
		return fmt.Errorf("port-forward: %w", f.err)
	}
	return err
}

// Read reads from the pod's port.
func (f *forward) Read(p []byte) (int, error) {
	n, err := f.data.Read(p)
	return n, f.reason(err)
}

// Write writes to the pod's port.
func (f *forward) Write(p []byte) (int, error) {
	n, err := f.data.Write(p)
	return n, f.reason(err)
}

// Close ends the connection to the API server.
func (f *forward) Close() error {
	var err error
	f.once.Do(func() {
		_ = f.data.Reset()
		err = f.conn.Close()
	})
	return err
}
