package main

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"slices"

	"k8s.io/client-go/tools/clientcmd"

	"github.com/kubetunnel/kubetunnel/test/cluster"
)

// services are those whose state before is remembered, beside those that were added.
var services = []string{"cart", "prices", "web"}

// stage answers the tests. Its goroutine, the HTTP server's, ends with close.
type stage struct {
	path    string
	cluster *cluster.Cluster
	say     func(string)
	same    map[string]func(context.Context) error
	server  *http.Server
	done    chan struct{}
}

func newStage(ctx context.Context, c *cluster.Cluster, with []string, path string, say func(string)) (*stage, error) {
	s := &stage{path: path, cluster: c, say: say, same: map[string]func(context.Context) error{}, done: make(chan struct{})}
	for _, name := range slices.Concat(services, with) {
		same, err := c.Remember(ctx, namespace, name)
		if err != nil {
			return nil, err
		}
		s.same[name] = same
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /call", s.call)
	mux.HandleFunc("GET /same", s.isSame)
	mux.HandleFunc("GET /left", s.left)
	mux.HandleFunc("PUT /apply", s.apply)
	for name, of := range s.states() {
		mux.HandleFunc("PUT /"+name, telling(of.begin))
		mux.HandleFunc("DELETE /"+name, telling(of.end))
	}
	s.server = &http.Server{Handler: mux} //nolint:gosec // for one client, on a socket of our own
	listener, err := new(net.ListenConfig).Listen(ctx, "unix", path)
	if err != nil {
		return nil, err
	}
	go func() {
		defer close(s.done)
		_ = s.server.Serve(listener) // until close
	}()
	return s, nil
}

func (s *stage) close() {
	_ = s.server.Close()
	<-s.done
}

// call lets a client in the cluster call.
func (s *stage) call(w http.ResponseWriter, r *http.Request) {
	answer, err := s.cluster.Call(r.Context(), namespace, r.FormValue("url"), true)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	_, _ = w.Write(answer)
}

func (s *stage) isSame(w http.ResponseWriter, r *http.Request) {
	same := s.same[r.FormValue("service")]
	if same == nil {
		http.Error(w, "no such Service is remembered", http.StatusNotFound)
		return
	}
	if err := same(r.Context()); err != nil {
		http.Error(w, err.Error(), http.StatusConflict)
	}
}

func (s *stage) left(w http.ResponseWriter, r *http.Request) {
	left, err := s.cluster.Left(r.Context(), namespace)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	if left == nil {
		left = []string{}
	}
	_ = json.NewEncoder(w).Encode(left)
}

// apply applies documents as the admin does.
func (s *stage) apply(w http.ResponseWriter, r *http.Request) {
	documents, err := io.ReadAll(r.Body)
	if err == nil {
		err = s.cluster.Apply(r.Context(), namespace, string(documents))
	}
	tell(w, err)
}

func tell(w http.ResponseWriter, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
	}
}

// telling answers with what comes of it.
func telling(do func(context.Context) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { tell(w, do(r.Context())) }
}

// contextName is what the tests' pictures show, whatever the cluster's own name is.
const contextName = "dev-cluster"

// inNamespace writes a kubeconfig whose current context has the shop for its namespace, as people have it.
func inNamespace(from, path string) error {
	config, err := clientcmd.LoadFromFile(from)
	if err != nil {
		return err
	}
	current := config.Contexts[config.CurrentContext]
	delete(config.Contexts, config.CurrentContext)
	current.Namespace = namespace
	config.Contexts[contextName], config.CurrentContext = current, contextName
	return clientcmd.WriteToFile(*config, path)
}
