// Package rules holds the architecture's invariants that a compiler does not:
// who may import what, and how long a file may be.
package rules

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
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
	{"engine", []string{"protocol"}, "the engine knows its rooms by small interfaces"},
	{"engine/tunnel", nil, "both ends use the tunnel"},
	{"engine/watch", nil, "watching files is nobody's business but its own"},
	{"engine/sandbox", []string{"protocol"}, "what a sandbox needs of the cluster comes through an interface"},
	{"engine/debug", []string{"engine/sandbox", "protocol"}, "a debugger runs in a sandbox and asks its host"},
	{"engine/link", []string{"engine", "engine/tunnel", "protocol"}, "a link joins the tunnel to the session"},
	{"operator/agent", []string{"engine/tunnel", "operator/control"}, "the data plane knows the tunnel and the operator's word"},
	{"operator/control", []string{"engine/tunnel"}, "the control channel uses the tunnel's keys"},
	{"server", []string{"protocol", "protocol/gen", "server/rpc"}, "the engine comes in as a Backend"},
	{"server/rpc", []string{"protocol"}, "JSON-RPC carries the contract's errors"},
}

type goPackage struct {
	ImportPath string
	Imports    []string
}

func packages(t *testing.T) []goPackage {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports", module+"/...")
	cmd.Dir = filepath.Join("..", "..")
	out, err := cmd.Output()
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
	for _, p := range packages(t) {
		pkg := strings.TrimPrefix(p.ImportPath, module+"/")
		for _, r := range doors {
			allowed := below(pkg, r.only) && !below(pkg, r.except)
			for _, imported := range p.Imports {
				if !allowed && slices.ContainsFunc(r.imports, func(prefix string) bool { return strings.HasPrefix(imported, prefix) }) {
					t.Errorf("%s imports %s: %s", pkg, imported, r.why)
				}
			}
		}
	}
}

func TestRoomsImportOnlyWhatTheyMay(t *testing.T) {
	all := map[string]goPackage{}
	for _, p := range packages(t) {
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
				t.Errorf("%s imports %s: %s", r.pkg, own, r.why)
			}
			if r.pkg == "protocol" && strings.Contains(imported, ".") {
				t.Errorf("%s imports %s: %s", r.pkg, imported, r.why)
			}
		}
	}
}

// mostLines is how long a file of one thing may get.
const mostLines = 500

func TestFilesAreForOneThing(t *testing.T) {
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == ".git" || d.Name() == "node_modules" || d.Name() == "build" || d.Name() == "bin") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasPrefix(d.Name(), "zz_generated") || filepath.Base(path) == "glue.go" {
			return nil
		}
		n, err := countLines(path)
		if n > mostLines {
			t.Errorf("%s has %d lines, %d at most: is it one thing?", path, n, mostLines)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func countLines(path string) (n int, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer func() { _ = f.Close() }()
	for s := bufio.NewScanner(f); s.Scan(); n++ {
		if err := s.Err(); err != nil {
			return n, err
		}
	}
	return n, nil
}
