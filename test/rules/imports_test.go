// Package rules holds the architecture's invariants that a compiler does not:
// who may import what, and how long a file may be.
package rules

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/kubetunnel/kubetunnel"

// rule says that what matches Imports is known only to the packages below Only.
type rule struct {
	imports []string
	only    []string
	except  []string
	why     string
}

var doors = []rule{
	{
		imports: []string{"k8s.io/", "sigs.k8s.io/"},
		only:    []string{"engine/cluster", "operator", "test", "server/cmd"},
		except:  []string{"operator/agent", "operator/control", "operator/version", "operator/cmd/tunnel-agent"},
		why:     "Kubernetes has one door on each side: engine/cluster and the operator. The agent is a data plane that starts in milliseconds; client-go would be most of it.",
	},
	{
		imports: []string{"github.com/google/go-dap"},
		only:    []string{"engine/debug", "server/servertest", "test"},
		why:     "DAP is the debugger room's vocabulary.",
	},
	{
		imports: []string{"github.com/sourcegraph/jsonrpc2"},
		only:    []string{"server/rpc"},
		why:     "server/rpc hides the library's traps: handlers on the read loop, errors matched by type.",
	},
	{
		imports: []string{"github.com/hashicorp/yamux"},
		only:    []string{"engine/tunnel"},
		why:     "the wire format is engine/tunnel's alone.",
	},
	{
		imports: []string{"github.com/fsnotify/fsnotify"},
		only:    []string{"engine/watch"},
		why:     "files are watched in one way.",
	},
	{
		imports: []string{module + "/engine/cluster", module + "/engine/debug", module + "/engine/sandbox", module + "/engine/link"},
		only:    []string{"server/cmd", "test", "engine/cluster", "engine/debug", "engine/sandbox", "engine/link"},
		why:     "the engine does not import its rooms; main wires them.",
	},
}

// inner are packages of the project that a package may import, and no others.
var inner = []struct {
	pkg     string
	imports []string
	why     string
}{
	{"protocol", nil, "the editor contract imports the standard library only"},
	{"engine", []string{"engine/private", "protocol"}, "the engine knows its rooms by small interfaces"},
	{"engine/tunnel", nil, "both ends use the tunnel"},
	{"engine/private", nil, "a folder is a folder"},
	{"engine/watch", nil, "watching files is nobody's business but its own"},
	{"engine/sandbox", []string{"protocol"}, "what a sandbox needs of the cluster comes through an interface"},
	{"engine/debug", []string{"engine/private", "engine/sandbox", "protocol"}, "a debugger runs in a sandbox and asks its host"},
	{"engine/link", []string{"engine", "engine/tunnel", "protocol"}, "a link joins the tunnel to the session"},
	{"operator/agent", []string{"engine/tunnel", "engine/watch", "operator/agent/http1", "operator/control"}, "the data plane knows the tunnel, the operator's word, and files that change"},
	{"operator/agent/http1", nil, "where a message ends is nobody's business but its own"},
	{"operator/control", []string{"engine/tunnel"}, "the control channel uses the tunnel's keys"},
	{"operator/version", nil, "a number needs nothing"},
	{"operator/api/v1alpha1", nil, "a type of the cluster needs only the cluster's types"},
	{"operator/manifests", []string{"operator/api/v1alpha1", "operator/version"}, "manifests are files"},
	{"operator/original", []string{"operator/api/v1alpha1"}, "what is on a Service is read and put back without an operator too"},
	{"operator/controller", []string{"engine/tunnel", "operator/api/v1alpha1", "operator/control", "operator/original"}, "the controller knows the tunnel only by its keys"},
	{"engine/cluster", []string{"engine/tunnel", "operator/api/v1alpha1", "operator/manifests", "operator/original", "operator/version", "protocol"}, "the cluster room speaks to the operator through its type, and names the tunnel's protocol in an upgrade"},
	{"server", []string{"protocol", "protocol/gen", "server/rpc"}, "the engine comes in as a Backend"},
	{"server/cli", []string{"packaging/apparmor", "protocol", "server"}, "the terminal's face is as thin as the editor's"},
	{"packaging/apparmor", nil, "a profile is text"},
	{"server/rpc", []string{"protocol"}, "JSON-RPC carries the contract's errors"},
}

// rooms are the folders all of whose packages are in the table above, but commands,
// what is generated, and what is inside of one room.
var rooms = []string{"protocol", "engine", "server", "operator", "packaging"}

// systems are those that the project is built for: a package may import other things on each.
var systems = []string{"linux", "darwin", "windows"}

type goPackage struct {
	ImportPath string
	Imports    []string
}

// packages lists the project's packages, or what of all packages is asked for.
func packages(t *testing.T, system string, args ...string) []goPackage {
	t.Helper()
	if len(args) == 0 {
		args = []string{module + "/..."}
	}
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"list", "-e", "-json=ImportPath,Imports"}, args...)...)
	cmd.Dir = filepath.Join("..", "..")
	cmd.Env = append(os.Environ(), "GOOS="+system, "CGO_ENABLED=0")
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		t.Fatalf("%v: %s", err, exit.Stderr)
	}
	if err != nil {
		t.Fatal(err)
	}
	var all []goPackage
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		err := decoder.Decode(&p)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

func below(pkg string, folders []string) bool {
	return slices.ContainsFunc(folders, func(f string) bool { return pkg == f || strings.HasPrefix(pkg, f+"/") })
}

func TestEachForeignVocabularyHasOneDoor(t *testing.T) {
	for _, system := range systems {
		for _, p := range packages(t, system) {
			pkg := strings.TrimPrefix(p.ImportPath, module+"/")
			for _, r := range doors {
				allowed := below(pkg, r.only) && !below(pkg, r.except)
				for _, imported := range p.Imports {
					if !allowed && slices.ContainsFunc(r.imports, func(prefix string) bool { return strings.HasPrefix(imported, prefix) }) {
						t.Errorf("%s on %s imports %s: %s", pkg, system, imported, r.why)
					}
				}
			}
		}
	}
}

func TestRoomsImportOnlyWhatTheyMay(t *testing.T) {
	for _, system := range systems {
		all := map[string]goPackage{}
		for _, p := range packages(t, system) {
			all[strings.TrimPrefix(p.ImportPath, module+"/")] = p
		}
		for _, r := range inner {
			p, ok := all[r.pkg]
			if !ok {
				t.Errorf("there is no package %s", r.pkg)
				continue
			}
			for _, imported := range p.Imports {
				own, ours := strings.CutPrefix(imported, module+"/")
				if ours && !slices.Contains(r.imports, own) {
					t.Errorf("%s on %s imports %s: %s", r.pkg, system, own, r.why)
				}
				if r.pkg == "protocol" && strings.Contains(imported, ".") {
					t.Errorf("%s on %s imports %s: %s", r.pkg, system, imported, r.why)
				}
			}
		}
	}
}

func TestEveryRoomHasItsRule(t *testing.T) {
	for _, p := range packages(t, systems[0]) {
		pkg := strings.TrimPrefix(p.ImportPath, module+"/")
		_, inside := strings.CutPrefix(pkg, "protocol/")
		outside := inside || strings.Contains(pkg+"/", "/cmd/") || strings.Contains(pkg+"/", "/internal/") || pkg == "server/servertest"
		if !below(pkg, rooms) || outside {
			continue
		}
		known := false
		for _, r := range inner {
			known = known || r.pkg == pkg
		}
		if !known {
			t.Errorf("package %s has no line in this test: what may it import, and why?", pkg)
		}
	}
}

// The doors hold what a package imports itself; these hold what a program drags in.
func TestTheAgentHasNoKubernetesInIt(t *testing.T) {
	for _, p := range packages(t, "linux", "-deps", "./operator/cmd/tunnel-agent") {
		if strings.HasPrefix(p.ImportPath, "k8s.io/") || strings.HasPrefix(p.ImportPath, "sigs.k8s.io/") {
			t.Errorf("tunnel-agent has %s in it: it starts in milliseconds beside every app, and must stay small", p.ImportPath)
		}
	}
}
