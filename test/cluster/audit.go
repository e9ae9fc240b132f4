package cluster

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
)

// Audited is a request to the API server by a program in a pod.
type Audited struct {
	User, Verb, Group, Resource, Namespace, Name string
	// Code is the answer's HTTP status.
	Code int
	// Denied: the user has no right to it. Other refusals have the same code.
	Denied bool
}

func (a Audited) String() string {
	resource := a.Resource
	if a.Group != "" {
		resource += "." + a.Group
	}
	return strings.TrimSpace(fmt.Sprintf("%s: %s %s %s/%s: %d", a.User, a.Verb, resource, a.Namespace, a.Name, a.Code))
}

// Audit reads the API server's audit log: what all pods but Kubernetes' own have asked
// for so far. It takes a cluster that was brought up with --audit.
func (c *Cluster) Audit(ctx context.Context) (requests []Audited, err error) {
	out, err := c.devcluster(ctx, func(string) {}, "status", "--json")
	if err != nil {
		return nil, err
	}
	var status struct{ AuditLog string }
	if err := json.Unmarshal([]byte(out), &status); err != nil {
		return nil, err
	}
	if status.AuditLog == "" {
		return nil, errors.New("the cluster writes no audit log")
	}
	log, err := os.Open(status.AuditLog)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()
	lines := bufio.NewScanner(log)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		a, err := audited(lines.Bytes())
		if err != nil {
			return nil, fmt.Errorf("%s: %w", status.AuditLog, err)
		}
		requests = append(requests, a)
	}
	return requests, lines.Err()
}

// audited reads one line: an Event of audit.k8s.io/v1.
func audited(line []byte) (Audited, error) {
	var e struct {
		Verb string
		User struct{ Username string }
		// ObjectRef is missing for what is no resource.
		ObjectRef      struct{ APIGroup, Resource, Subresource, Namespace, Name string }
		RequestURI     string
		ResponseStatus struct{ Code int }
		Annotations    map[string]string
	}
	if err := json.Unmarshal(line, &e); err != nil {
		return Audited{}, err
	}
	a := Audited{
		User: e.User.Username, Verb: e.Verb, Group: e.ObjectRef.APIGroup, Resource: e.ObjectRef.Resource,
		Namespace: e.ObjectRef.Namespace, Name: e.ObjectRef.Name, Code: e.ResponseStatus.Code,
		Denied: e.Annotations["authorization.k8s.io/decision"] == "forbid",
	}
	if e.ObjectRef.Subresource != "" {
		a.Resource += "/" + e.ObjectRef.Subresource
	}
	if a.Resource == "" {
		a.Resource = e.RequestURI
	}
	return a, nil
}
