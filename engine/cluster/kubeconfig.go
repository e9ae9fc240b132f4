package cluster

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"os"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/kubetunnel/kubetunnel/protocol"
)

// Kubeconfig finds clusters as kubectl does: an explicit path, else KUBECONFIG,
// else ~/.kube/config. Clients are made once per context and file content.
type Kubeconfig struct {
	rules *clientcmd.ClientConfigLoadingRules

	mu      sync.Mutex
	clients map[string]*Client
	// reloaded is closed when the files have changed.
	reloaded chan struct{}
}

// NewKubeconfig reads path, or the usual places when it is "".
func NewKubeconfig(path string) *Kubeconfig {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = path
	return &Kubeconfig{rules: rules, clients: map[string]*Client{}, reloaded: make(chan struct{})}
}

// Files are the paths that are read, for watching them.
func (k *Kubeconfig) Files() []string {
	if k.rules.ExplicitPath != "" {
		return []string{k.rules.ExplicitPath}
	}
	return k.rules.Precedence
}

// Reload forgets the clients, so that the next Connect reads the files again.
func (k *Kubeconfig) Reload() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, c := range k.clients {
		close(c.stale)
	}
	k.clients = map[string]*Client{}
	close(k.reloaded)
	k.reloaded = make(chan struct{})
}

func (k *Kubeconfig) whenReloaded() <-chan struct{} {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.reloaded
}

// Contexts lists the contexts by name. Unless, if any, is the revision of a former list: it
// waits for another one, which Reload brings.
func (k *Kubeconfig) Contexts(ctx context.Context, unless string) (*protocol.ListContextsResult, error) {
	for {
		reloaded := k.whenReloaded()
		contexts, err := k.contexts()
		if err != nil {
			return nil, err
		}
		if revision := sumOf(contexts); revision != unless {
			return &protocol.ListContextsResult{Contexts: contexts, Revision: revision}, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-reloaded:
		}
		// Who writes a file in place has emptied it first.
		if err := pause(ctx, firstGather); err != nil {
			return nil, err
		}
	}
}

func (k *Kubeconfig) contexts() ([]protocol.KubeContext, error) {
	raw, err := k.load()
	if err != nil {
		return nil, err
	}
	contexts := make([]protocol.KubeContext, 0, len(raw.Contexts))
	for name, c := range raw.Contexts {
		namespace := c.Namespace
		if namespace == "" {
			namespace = "default"
		}
		contexts = append(contexts, protocol.KubeContext{
			Name: name, Cluster: c.Cluster, User: c.AuthInfo, Namespace: namespace, Current: name == raw.CurrentContext,
		})
	}
	sort.Slice(contexts, func(i, j int) bool { return contexts[i].Name < contexts[j].Name })
	return contexts, nil
}

func (k *Kubeconfig) load() (*clientcmdapi.Config, error) {
	raw, err := k.rules.Load()
	if err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return nil, k.missing(err)
		}
		return nil, protocol.Errorf(protocol.CodeNoKubeconfig, "the kubeconfig %s can't be read: %w", strings.Join(k.Files(), ", "), err)
	}
	if len(raw.Contexts) == 0 {
		return nil, k.missing(nil)
	}
	return raw, nil
}

func (k *Kubeconfig) missing(cause error) *protocol.Error {
	e := protocol.Errorf(protocol.CodeNoKubeconfig, "no cluster is configured: looked in %s", strings.Join(k.Files(), ", "))
	if cause != nil {
		e = protocol.Errorf(protocol.CodeNoKubeconfig, "no cluster is configured: %w", cause)
	}
	return e.WithFix(protocol.Fix{Title: "Set KUBECONFIG, or write ~/.kube/config; `kubectl config get-contexts` shows what there is"})
}

// Connect gives the client of a context ("" = the current one). It does not talk to the cluster.
func (k *Kubeconfig) Connect(context string) (*Client, error) {
	// A Reload comes before the files are read, or finds the client: none is kept from files of before.
	k.mu.Lock()
	defer k.mu.Unlock()
	raw, err := k.load()
	if err != nil {
		return nil, err
	}
	if context == "" {
		context = raw.CurrentContext
	}
	if _, ok := raw.Contexts[context]; !ok {
		return nil, unknownContext(context, raw)
	}
	if c, ok := k.clients[context]; ok {
		return c, nil
	}
	c, err := newClient(*raw, context)
	if err != nil {
		return nil, err
	}
	k.clients[context] = c
	return c, nil
}

func unknownContext(context string, raw *clientcmdapi.Config) error {
	names := make([]string, 0, len(raw.Contexts))
	for name := range raw.Contexts {
		names = append(names, name)
	}
	sort.Strings(names)
	if context == "" {
		return protocol.Errorf(protocol.CodeUnknownContext, "the kubeconfig has no current context").
			WithFix(protocol.Fix{Title: "Choose one of: " + strings.Join(names, ", "), Command: "kubectl config use-context " + names[0]})
	}
	return protocol.Errorf(protocol.CodeUnknownContext, "the kubeconfig has no context %q", context).
		WithFix(protocol.Fix{Title: "Choose one of: " + strings.Join(names, ", ")})
}

// Client is one context of the kubeconfig.
type Client struct {
	context   string
	namespace string
	rest      *rest.Config
	kube      kubernetes.Interface
	dynamic   dynamic.Interface

	upgrades http.RoundTripper
	// name is no other client's.
	name string
	// stale is closed when the kubeconfig has changed since.
	stale chan struct{}
	// user is who the API server takes us for, a string; nil until it was asked.
	user atomic.Value
	// forwards: agents are reached by port-forward, since the other way has failed.
	forwards atomic.Bool
}

func newClient(raw clientcmdapi.Config, context string) (*Client, error) {
	cfg := clientcmd.NewNonInteractiveClientConfig(raw, context, &clientcmd.ConfigOverrides{}, nil)
	restConfig, err := cfg.ClientConfig()
	if err != nil {
		return nil, protocol.Errorf(protocol.CodeNoKubeconfig, "context %q can't be used: %w", context, err)
	}
	namespace, _, err := cfg.Namespace()
	if err != nil {
		return nil, protocol.Errorf(protocol.CodeNoKubeconfig, "context %q has no usable namespace: %w", context, err)
	}
	// An editor's session makes a handful of calls at once; the API server has its own fairness.
	restConfig.QPS = -1
	restConfig.UserAgent = "tunnel-server"
	// Without a limit a dead API server would hang a start; watches and port-forwards set their own.
	restConfig.Timeout = 0
	kube, err := kubernetes.NewForConfig(restConfig)
	if err != nil {
		return nil, fmt.Errorf("client of context %q: %w", context, err)
	}
	dyn, err := dynamic.NewForConfig(restConfig)
	if err != nil {
		return nil, fmt.Errorf("client of context %q: %w", context, err)
	}
	upgrades, err := upgradeTransport(restConfig)
	if err != nil {
		return nil, fmt.Errorf("client of context %q: %w", context, err)
	}
	return &Client{context: context, namespace: namespace, rest: restConfig, kube: kube, dynamic: dyn, upgrades: upgrades, name: rand.Text(), stale: make(chan struct{})}, nil
}

// requestTimeout bounds each single API request.
const requestTimeout = 10 * time.Second
