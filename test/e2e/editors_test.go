package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/kubetunnel/kubetunnel/test/cluster"
)

// editorProgram is a program of test/editors: an editor, or an editor's own client of
// the Debug Adapter Protocol.
type editorProgram struct {
	// command gives its command line and what else it finds in its environment.
	command func(ctx context.Context, t *testing.T) (args, env []string)
	// kills: the editor kills an adapter that has said that the program has ended.
	kills bool
}

var editorPrograms = map[string]editorProgram{
	"Emacs with dap-mode": {kills: true, command: func(ctx context.Context, t *testing.T) (args, env []string) {
		setup := editorSetups(t).write(t, "Emacs", "init.el")
		// Without the native code that it would keep in the home folder.
		inEmacs := []string{"emacs", "--batch", "--eval", "(setq comp-enable-subr-trampolines nil native-comp-enable-subr-trampolines nil)", "-l", "package", "-f", "package-activate-all"}
		compile := append(inEmacs, "--eval", "(setq byte-compile-error-on-warn t)", "-f", "batch-byte-compile", setup)
		if out, err := exec.CommandContext(ctx, compile[0], compile[1:]...).CombinedOutput(); err != nil { //nolint:gosec // our own
			t.Fatalf("the setup does not compile: %v\n%s", err, out)
		}
		return append(inEmacs, "-l", editorFile(t, "emacs.el")), []string{"SETUP=" + setup, "STATE=" + t.TempDir()}
	}},
	"Eclipse's LSP4J": {command: func(_ context.Context, t *testing.T) (args, env []string) {
		return []string{"java", "-cp", filepath.Join(editorsFolder(t), "jars", "*"), editorFile(t, "Eclipse.java")}, nil
	}},
	"VS Code's DebugClient": {command: func(_ context.Context, t *testing.T) (args, env []string) {
		return []string{"node", editorFile(t, "debugclient.js")}, []string{"NODE_PATH=" + filepath.Join(editorsFolder(t), "node_modules")}
	}},
}

// editorsFolder is where scripts/editors.sh has put what the editors need.
func editorsFolder(t *testing.T) string {
	t.Helper()
	folder := os.Getenv("KUBETUNNEL_EDITORS")
	if folder == "" {
		t.Fatal("KUBETUNNEL_EDITORS is not set: scripts/editors.sh gives it")
	}
	return folder
}

func editorFile(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(world.Root, "test", "editors", name)
	if _, err := os.Stat(path); err != nil {
		t.Fatal(err)
	}
	return path
}

// shopFolder is the workspace that the editors have open.
func shopFolder() string { return filepath.Join(world.Root, "examples", "shop") }

// asUser is the environment of a person in front of an editor: tunnel-server is in PATH,
// and the kubeconfig's namespace is the shop's.
func asUser(t *testing.T, more ...string) []string {
	t.Helper()
	config, err := clientcmd.LoadFromFile(kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	config.Contexts[config.CurrentContext].Namespace = shop
	own := filepath.Join(t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*config, own); err != nil {
		t.Fatal(err)
	}
	path := filepath.Dir(world.Server) + string(filepath.ListSeparator) + os.Getenv("PATH")
	return append(append(os.Environ(), "KUBECONFIG="+own, "PATH="+path), more...)
}

// seen is what an editor has seen.
type seen struct {
	Function, Total, Evaluated string
	Line, Next                 int
	Code                       *int
}

func TestDebuggerInEditorsOfOthers(t *testing.T) {
	for name, e := range editorPrograms {
		t.Run(name, func(t *testing.T) {
			ctx := testContext(t)
			restored := remember(ctx, t, shop, "cart")
			got := e.run(ctx, t)
			// The editor knows that it has ended, and so it has: nothing waits for a lease.
			if left, err := dynamicClient(t).Resource(interceptResource).Namespace(shop).List(ctx, metav1.ListOptions{}); err != nil || len(left.Items) > 0 {
				t.Errorf("intercepts are left: %v, %v", left, err)
			}
			_, line := cartSource(t)
			zero := 0
			want := seen{Function: "main.handleCart", Total: "1055", Evaluated: "1055", Line: line, Next: line + 1, Code: &zero}
			if e.kills {
				want.Code = nil
			}
			if toJSON(t, got) != toJSON(t, want) {
				t.Errorf("got %s, want %s", toJSON(t, got), toJSON(t, want))
			}
			restored()
			waitServedBy(ctx, t, false)
			waitNothingLeft(ctx, t, shop)
		})
	}
}

func toJSON(t *testing.T, value any) string {
	t.Helper()
	raw, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// run has the editor debug a call of the cluster from its beginning to its answer.
func (e editorProgram) run(ctx context.Context, t *testing.T) seen {
	t.Helper()
	args, env := e.command(ctx, t)
	source, line := cartSource(t)
	answered := filepath.Join(t.TempDir(), "answered")
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := exec.CommandContext(ctx, args[0], args[1:]...) //nolint:gosec // our own
	cmd.Dir = shopFolder()
	cmd.Env = asUser(t, append(env, "SOURCE="+source, "LINE="+toJSON(t, line), "ANSWERED="+answered)...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, cluster.Lines(func(s string) { t.Log(s) })
	called := make(chan error, 1)
	go func() { called <- callUntilServedHere(ctx, answered) }()
	err := cmd.Run()
	if err != nil {
		cancel() // nobody is going to answer
	}
	if callErr := <-called; err != nil || callErr != nil {
		t.Fatalf("%v, %v\n%s", err, callErr, out.String())
	}
	_, report, found := strings.Cut(out.String(), "REPORT ")
	var got seen
	if err := json.Unmarshal([]byte(report), &got); !found || err != nil {
		t.Fatalf("no report: %v\n%s", err, out.String())
	}
	return got
}

// callUntilServedHere has the cluster call cart until the workstation answers, and notes that in a file.
func callUntilServedHere(ctx context.Context, answered string) error {
	err := cluster.Wait(ctx, "an answer of the workstation", func() (bool, error) {
		answer, err := callCart(ctx)
		return err == nil && cluster.AtWorkstation(answer.ServedBy), err
	})
	if err != nil {
		return err
	}
	return os.WriteFile(answered, nil, 0o600)
}

// setups are the fenced texts of docs/editors.md, by heading and name.
type setups map[string]map[string]string

func editorSetups(t *testing.T) setups {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(world.Root, "docs", "editors.md"))
	if err != nil {
		t.Fatal(err)
	}
	found, heading, name := setups{}, "", ""
	for text := range strings.Lines(string(page)) {
		fence, isFence := strings.CutPrefix(text, "```")
		switch {
		case isFence && name == "":
			_, name, _ = strings.Cut(strings.TrimSpace(fence), " ")
			if name == "" || heading == "" {
				t.Fatalf("a fence without a name or a heading: %s", text)
			}
		case isFence:
			name = ""
		case name != "":
			found[heading][name] += text
		case strings.HasPrefix(text, "## "):
			heading = strings.TrimSpace(strings.TrimPrefix(text, "## "))
			found[heading] = map[string]string{}
		}
	}
	return found
}

// text is one setup, which must be there.
func (s setups) text(t *testing.T, heading, name string) string {
	t.Helper()
	text := s[heading][name]
	if text == "" {
		t.Fatalf("docs/editors.md has no %s below %q; it has %v", name, heading, maps.Keys(s))
	}
	return text
}

// write puts one setup into a file of its own.
func (s setups) write(t *testing.T, heading, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), filepath.Base(name))
	if err := os.WriteFile(path, []byte(s.text(t, heading, name)), 0o700); err != nil { //nolint:gosec // one is a program
		t.Fatal(err)
	}
	return path
}
