// Package cluster brings up what the demo, the end-to-end tests and the
// measurements run on: a real cluster with the operator and the shop.
package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// Cluster is a cluster that is up.
type Cluster struct {
	// Kubeconfig is the admin's.
	Kubeconfig string
	Kube       kubernetes.Interface
	Rest       *rest.Config
	// Server is the path of tunnel-server, Root the project's folder.
	Server, Root string
	own          bool
	name         string
}

// Existing tells whether tests are to use the cluster that KUBECONFIG names.
func Existing() bool { return os.Getenv("KUBETUNNEL_TEST_CLUSTER") == "existing" }

// Up brings the cluster up, or takes the existing one, and loads the images.
// What it does is told line by line.
func Up(ctx context.Context, name string, say func(string)) (*Cluster, error) {
	root, err := findRoot()
	if err != nil {
		return nil, err
	}
	c := &Cluster{Root: root, Server: serverPath(root), name: name}
	if Existing() {
		c.Kubeconfig = os.Getenv("KUBECONFIG")
	} else {
		c.own = true
		out, err := c.devcluster(ctx, say, "up")
		if err != nil {
			return nil, err
		}
		c.Kubeconfig = strings.TrimSpace(out)
		images, err := filepath.Glob(filepath.Join(root, "build", "images", "*.tar"))
		if err != nil || len(images) == 0 {
			return nil, fmt.Errorf("no images in build/images (make images): %w", err)
		}
		if _, err := c.devcluster(ctx, say, append([]string{"load"}, images...)...); err != nil {
			return nil, err
		}
	}
	if c.Rest, err = clientcmd.BuildConfigFromFlags("", c.Kubeconfig); err != nil {
		return nil, err
	}
	c.Rest.QPS = -1
	c.Kube, err = kubernetes.NewForConfig(c.Rest)
	return c, err
}

// serverPath is where tunnel-server is; KUBETUNNEL_TEST_SERVER names another one, such
// as that with the race detector.
func serverPath(root string) string {
	path := os.Getenv("KUBETUNNEL_TEST_SERVER")
	if path == "" {
		path = filepath.Join("bin", "tunnel-server")
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(root, path)
	}
	return path
}

// Down takes down what Up brought up.
func (c *Cluster) Down(ctx context.Context, say func(string)) error {
	if !c.own {
		return nil
	}
	_, err := c.devcluster(ctx, say, "down")
	return err
}

func findRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "test", "devcluster", "go.mod")); err == nil {
			return dir, nil
		}
		if filepath.Dir(dir) == dir {
			return "", errors.New("the project's folder was not found above the working folder")
		}
		dir = filepath.Dir(dir)
	}
}

func (c *Cluster) devcluster(ctx context.Context, say func(string), args ...string) (stdout string, err error) {
	cmd := exec.CommandContext(ctx, filepath.Join(c.Root, "bin", "devcluster"), append([]string{"--name", c.name}, args...)...) //nolint:gosec // our own
	cmd.Dir = c.Root
	var out bytes.Buffer
	cmd.Stdout = &out
	cmd.Stderr = &lines{say: say}
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("devcluster %s: %w", args[0], err)
	}
	return out.String(), nil
}

// lines passes whole lines on.
type lines struct {
	say  func(string)
	rest []byte
}

func (l *lines) Write(b []byte) (int, error) {
	l.rest = append(l.rest, b...)
	for {
		line, rest, ok := bytes.Cut(l.rest, []byte("\n"))
		if !ok {
			return len(b), nil
		}
		l.say(string(line))
		l.rest = rest
	}
}

// Lines makes a writer that passes whole lines on.
func Lines(say func(string)) io.Writer { return &lines{say: say} }

// Run runs tunnel-server with the admin's kubeconfig.
func (c *Cluster) Run(ctx context.Context, say func(string), args ...string) error {
	cmd := exec.CommandContext(ctx, c.Server, append([]string{"--kubeconfig", c.Kubeconfig}, args...)...) //nolint:gosec // our own
	cmd.Stdout, cmd.Stderr = &lines{say: say}, &lines{say: say}
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("tunnel-server %s: %w", args[0], err)
	}
	return nil
}

// InstallOperator runs `tunnel-server install`.
func (c *Cluster) InstallOperator(ctx context.Context, say func(string)) error {
	args := []string{"install"}
	if image := os.Getenv("KUBETUNNEL_TEST_IMAGE"); image != "" {
		args = append(args, "--image", image)
	} else if c.own {
		args = append(args, "--image-pull-policy", "Never")
	}
	return c.Run(ctx, say, args...)
}

// Namespace makes a namespace that enforces the restricted Pod Security profile.
func (c *Cluster) Namespace(ctx context.Context, name string) error {
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"pod-security.kubernetes.io/enforce": "restricted"}}}
	_, err := c.Kube.CoreV1().Namespaces().Create(ctx, ns, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}

// Grant lets a user debug in a namespace: exactly the operator's developer role.
func (c *Cluster) Grant(ctx context.Context, namespace, user string) error {
	binding := &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "debug-" + user, Namespace: namespace},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "kubetunnel-developer"},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "User", Name: user}},
	}
	_, err := c.Kube.RbacV1().RoleBindings(namespace).Create(ctx, binding, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}

// User writes the kubeconfig of an ordinary user. An existing cluster's own user is the admin.
func (c *Cluster) User(ctx context.Context, user, path string) error {
	if !c.own {
		content, err := os.ReadFile(c.Kubeconfig)
		if err != nil {
			return err
		}
		return os.WriteFile(path, content, 0o600)
	}
	_, err := c.devcluster(ctx, func(string) {}, "user", user, "--kubeconfig", path)
	return err
}

// Fault runs a fault of the dev cluster, such as "restart apiserver".
func (c *Cluster) Fault(ctx context.Context, args ...string) error {
	_, err := c.devcluster(ctx, func(string) {}, args...)
	return err
}

// Wait asks until it is true, or ctx ends; the last reason is in the error.
func Wait(ctx context.Context, what string, ask func() (bool, error)) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		ok, err := ask()
		if ok {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waited for %s: %w", what, errors.Join(ctx.Err(), err))
		case <-tick.C:
		}
	}
}

// Call lets the in-cluster load generator call a URL, and gives the answer.
func (c *Cluster) Call(ctx context.Context, namespace, target string, fresh bool) ([]byte, error) {
	request := c.Kube.CoreV1().RESTClient().Get().Namespace(namespace).Resource("services").Name("loadgen:http").SubResource("proxy").Suffix("call").Param("url", target)
	if fresh {
		request = request.Param("fresh", "1")
	}
	return request.Do(ctx).Raw()
}

// Ask asks the load generator itself: a path such as "stats", with a query.
func (c *Cluster) Ask(ctx context.Context, namespace, verb, path string, query url.Values) ([]byte, error) {
	request := c.Kube.CoreV1().RESTClient().Verb(verb).Namespace(namespace).Resource("services").Name("loadgen:http").SubResource("proxy").Suffix(path)
	for name, values := range query {
		request = request.Param(name, values[0])
	}
	answer, err := request.Do(ctx).Raw()
	var status *apierrors.StatusError
	if errors.As(err, &status) {
		err = fmt.Errorf("%w: %s", err, answer)
	}
	return answer, err
}
