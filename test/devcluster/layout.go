package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"

	"github.com/kubetunnel/kubetunnel/test/devcluster/internal/host"
)

// defaultName is the cluster that is meant when none is named.
const defaultName = "kubetunnel"

// The ranges inside a cluster. No route leads to them from outside.
const (
	serviceRange = "10.96.0.0/16"
	podRange     = "10.244.0.0/16"
	dnsAddress   = "10.96.0.10"
	firstService = "10.96.0.1"
	clusterZone  = "cluster.local"
)

// layout tells where a cluster's things are.
type layout struct {
	Name string
	// slot makes the addresses of clusters differ.
	slot int
	// dualStack: it has IPv6 beside IPv4.
	dualStack bool
}

var validName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,30}$`)

func newLayout(name string) (layout, error) {
	if !validName.MatchString(name) {
		return layout{}, fmt.Errorf("cluster name %q: want lower-case letters, digits and dashes, 31 at most", name)
	}
	l := layout{Name: name, slot: preferredSlot(name)}
	if st, err := l.load(); err == nil {
		l.slot, l.dualStack = st.Slot, st.DualStack
	}
	return l, nil
}

// slots is how many clusters can be up at once.
const slots = 250

// preferredSlot follows from the name, so that a cluster mostly has the same addresses.
func preferredSlot(name string) int {
	if name == defaultName {
		return 0
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(name))
	return 1 + int(h.Sum32()%(slots-1))
}

// freeSlot is the first one from the preferred on that nobody has.
func freeSlot(preferred int, taken func(slot int) bool) (int, error) {
	for i := range slots {
		if slot := (preferred + i) % slots; !taken(slot) {
			return slot, nil
		}
	}
	return 0, fmt.Errorf("%d clusters are up: no addresses are left", slots)
}

func (l layout) run() string  { return filepath.Join("/run/kubetunnel-devcluster", l.Name) }
func (l layout) data() string { return filepath.Join("/var/lib/kubetunnel-devcluster", l.Name) }
func (l layout) pki() string  { return filepath.Join(l.data(), "pki") }
func (l layout) logs() string { return filepath.Join(l.data(), "logs") }
func (l layout) temp() string { return filepath.Join(l.data(), "tmp") }

// programs are the cluster's own, so that emptying the cache breaks no cluster.
func (l layout) programs() string            { return filepath.Join(l.data(), "bin") }
func (l layout) kubeconfig() string          { return filepath.Join(l.data(), "kubeconfig") }
func (l layout) log(component string) string { return filepath.Join(l.logs(), component+".log") }

// link is the host's end of the veth pair: a name of 15 bytes at most.
func (l layout) link() string { return linkPrefix + strconv.Itoa(l.slot) }

const linkPrefix = "ktdev"

// The addresses between the host and the nodes are of 198.18.0.0/15, which is set
// aside for tests: no network of the machine's, and no engine's bridge, has them.
func (l layout) hostAddress() string { return fmt.Sprintf("198.19.%d.1", l.slot) }
func (l layout) nodeAddress(node int) string {
	return fmt.Sprintf("198.19.%d.%d", l.slot, 9+node)
}
func (l layout) server() string { return "https://" + l.nodeAddress(1) + ":6443" }

func nodeName(node int) string       { return fmt.Sprintf("node%d", node) }
func podRangeOf(node int) string     { return fmt.Sprintf("10.244.%d.0/24", node) }
func (l layout) node(n int) nodeDirs { return nodeDirs{l, n} }

// nodeDirs are the folders of one node.
type nodeDirs struct {
	layout
	n int
}

func (d nodeDirs) dir(name string) string    { return filepath.Join(d.data(), nodeName(d.n), name) }
func (d nodeDirs) socket() string            { return filepath.Join(d.run(), nodeName(d.n)+"-containerd.sock") }
func (d nodeDirs) component(s string) string { return nodeName(d.n) + "-" + s }

var errNotUp = errors.New("is not up: run devcluster up")

// state is what is known of a running cluster, written after each start.
type state struct {
	Slot      int                     `json:"slot"`
	Nodes     int                     `json:"nodes"`
	DualStack bool                    `json:"dualStack"`
	Processes map[string]host.Process `json:"processes"`
	// Commands are the components' command lines, to start them again.
	Commands map[string][]string `json:"commands"`
	// AuditLog is the path of the API server's audit log, "" when it writes none.
	AuditLog string `json:"auditLog,omitempty"`
	Ready    bool   `json:"ready"`
}

// known are the processes written down; none when nothing is.
func (s *state) known() []host.Process {
	if s == nil {
		return nil
	}
	known := make([]host.Process, 0, len(s.Processes))
	for _, p := range s.Processes {
		known = append(known, p)
	}
	return known
}

func (l layout) statePath() string { return filepath.Join(l.run(), "state.json") }

// load reads the state; errNotUp when there is none.
func (l layout) load() (*state, error) {
	content, err := os.ReadFile(l.statePath())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("cluster %s %w", l.Name, errNotUp)
	}
	if err != nil {
		return nil, err
	}
	s := state{Slot: l.slot}
	if err := json.Unmarshal(content, &s); err != nil {
		return nil, fmt.Errorf("read %s: %w", l.statePath(), err)
	}
	return &s, nil
}

func (l layout) save(s *state) error {
	content, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	partial := l.statePath() + ".partial"
	if err := os.WriteFile(partial, content, 0o600); err != nil {
		return err
	}
	return os.Rename(partial, l.statePath())
}
