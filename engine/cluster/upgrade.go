package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/client-go/rest"

	"github.com/kubetunnel/kubetunnel/engine/tunnel"
)

// maxProxyAnswer bounds what is read of an answer that is no upgrade.
const maxProxyAnswer = 4096

// upgradePod makes a connection to a port on a pod's address through the API
// server's proxy, which passes bytes on after an HTTP upgrade. Unlike a
// port-forward it has neither kubelet nor container runtime on the way, and no
// frames, and so about half the latency and more throughput (`make bench`). But the
// API server must reach pods, which firewalls between it and the nodes, or a
// NetworkPolicy, may not allow.
func (c *Client) upgradePod(ctx context.Context, namespace, pod string, port int32) (io.ReadWriteCloser, error) {
	name := utilnet.JoinSchemeNamePort("", pod, strconv.Itoa(int(port)))
	url := c.kube.CoreV1().RESTClient().Get().Namespace(namespace).Resource("pods").Name(name).SubResource("proxy").URL()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("proxy to pod %s/%s: %w", namespace, name, err)
	}
	request.Header.Set("Connection", "Upgrade")
	request.Header.Set("Upgrade", tunnel.UpgradeProtocol)
	response, err := c.upgrades.RoundTrip(request)
	if err != nil {
		return nil, fmt.Errorf("proxy to pod %s/%s: %w", namespace, name, err)
	}
	if response.StatusCode != http.StatusSwitchingProtocols {
		answer, _ := io.ReadAll(io.LimitReader(response.Body, maxProxyAnswer))
		_ = response.Body.Close()
		return nil, fmt.Errorf("proxy to pod %s/%s: %s: %s", namespace, name, response.Status, strings.TrimSpace(string(answer)))
	}
	conn, ok := response.Body.(io.ReadWriteCloser)
	if !ok {
		_ = response.Body.Close()
		return nil, fmt.Errorf("proxy to pod %s/%s: %w", namespace, name, errNotUpgraded)
	}
	return conn, nil
}

var errNotUpgraded = errors.New("the connection was not upgraded")

// upgradeTransport is for requests that HTTP/2 does not have.
func upgradeTransport(config *rest.Config) (http.RoundTripper, error) {
	config = rest.CopyConfig(config)
	config.NextProtos = []string{"http/1.1"}
	return rest.TransportFor(config)
}
