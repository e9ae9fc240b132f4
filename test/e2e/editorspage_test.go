package e2e

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"

	"github.com/kubetunnel/kubetunnel/server/servertest"
	"github.com/kubetunnel/kubetunnel/test/cluster"
)

// setup is what an editor makes of a setup in docs/editors.md: the adapter that it
// starts, and what it sends to it.
type setup struct {
	command []string
	launch  map[string]any
}

// editorReaders read the setups of docs/editors.md as the editors do that are not here.
var editorReaders = map[string]func(ctx context.Context, t *testing.T, s setups) setup{
	"VS Code": readVSCode, "Neovim": readNeovim, "Helix": readHelix, "Zed": readZed, "Eclipse": readEclipse,
	"IntelliJ, GoLand and PyCharm with LSP4IJ": readLSP4IJ,
}

// Emacs runs its setup itself, see editors_test.go.
func TestDebuggerAsEachEditorIsToldToStartIt(t *testing.T) {
	page := editorSetups(t)
	for heading := range page {
		if _, ok := editorReaders[heading]; !ok && heading != "Emacs" {
			t.Errorf("docs/editors.md has a setup for %s, which nothing reads here", heading)
		}
	}
	for name, read := range editorReaders {
		t.Run(name, func(t *testing.T) {
			ctx := testContext(t)
			restored := remember(ctx, t, shop, "cart")
			s := read(ctx, t, page)
			debugCartBy(ctx, t, dapCommand(asUser(t), s.command...), s.launch)
			restored()
		})
	}
}

// dapCommand is an adapter's command in the folder of the shop, found in env's PATH.
func dapCommand(env []string, args ...string) *exec.Cmd {
	cmd := exec.Command("env", args...) //nolint:gosec // our own
	cmd.Dir, cmd.Env = shopFolder(), env
	return cmd
}

// debugCartBy debugs a call of the cluster through an adapter on standard input and output.
func debugCartBy(ctx context.Context, t *testing.T, cmd *exec.Cmd, launch map[string]any) {
	t.Helper()
	cmd.Stderr = cluster.Lines(func(s string) { t.Log(s) })
	d, err := servertest.StartDAP(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	path, line := cartSource(t)
	if err := d.Launch(ctx, launch, path, line); err != nil {
		t.Fatal(err)
	}
	answered := make(chan error, 1)
	go func() { answered <- callUntilServedHere(ctx, filepath.Join(t.TempDir(), "answered")) }()
	stopped, err := d.WaitStopped(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.SetBreakpoints(ctx, path); err != nil {
		t.Fatal(err)
	}
	if err := d.Continue(ctx, stopped.Body.ThreadId); err != nil {
		t.Fatal(err)
	}
	if err := <-answered; err != nil {
		t.Error(err)
	}
	if err := d.Disconnect(ctx, false); err != nil {
		t.Error(err)
	}
	if err := d.WaitExit(); err != nil {
		t.Errorf("%v: %v", cmd.Args, err)
	}
}

// fromJSON decodes all of a setup; what nothing has a place for is a mistake in it.
func fromJSON(t *testing.T, text string, into any) {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
}

// here puts this machine's places for the page's.
func here(text string) string {
	return strings.NewReplacer("${workspaceFolder}", shopFolder(), "/home/ann/shop", shopFolder(), "/usr/local/bin/", "").Replace(text)
}

func readVSCode(_ context.Context, t *testing.T, s setups) setup {
	var extension struct {
		Name, Publisher, Version string
		Engines                  struct{ VSCode string }
		Contributes              struct {
			Breakpoints []struct{ Language string }
			Debuggers   []struct {
				Type, Label, Runtime string
				Languages            []string
				RuntimeArgs          []string
			}
		}
	}
	fromJSON(t, s.text(t, "VS Code", "package.json"), &extension)
	var launch struct {
		Version        string
		Configurations []map[string]any
	}
	fromJSON(t, here(s.text(t, "VS Code", ".vscode/launch.json")), &launch)
	debugger, configuration := extension.Contributes.Debuggers[0], launch.Configurations[0]
	if extension.Name == "" || extension.Publisher == "" || extension.Version == "" || extension.Engines.VSCode == "" || extension.Contributes.Breakpoints[0].Language != "go" {
		t.Errorf("VS Code loads no extension like that: %+v", extension)
	}
	if configuration["type"] != debugger.Type {
		t.Errorf("the configuration is of type %v, the debugger of %s", configuration["type"], debugger.Type)
	}
	return setup{append([]string{debugger.Runtime}, debugger.RuntimeArgs...), configuration}
}

// readNeovim has the setup run by Neovim, with a table in nvim-dap's place.
func readNeovim(ctx context.Context, t *testing.T, s setups) setup {
	out := filepath.Join(t.TempDir(), "out.json")
	cmd := exec.CommandContext(ctx, "nvim", "--headless", "-u", "NONE", "-i", "NONE", "-c", "luafile "+editorFile(t, "neovim.lua"), "-c", "quitall!") //nolint:gosec // our own
	state := t.TempDir()
	cmd.Env = append(os.Environ(), "SETUP="+s.write(t, "Neovim", "init.lua"), "OUT="+out, "XDG_CACHE_HOME="+state, "XDG_DATA_HOME="+state, "XDG_STATE_HOME="+state)
	said, err := cmd.CombinedOutput()
	raw, readErr := os.ReadFile(out)
	if err != nil || readErr != nil {
		t.Fatalf("%v, %v\n%s", err, readErr, said)
	}
	var found struct {
		Problem  string
		Adapters map[string]struct {
			Type, Command string
			Args          []string
			Options       map[string]int
		}
		Configurations map[string][]map[string]any
	}
	fromJSON(t, here(string(raw)), &found)
	if found.Problem != "" || len(found.Configurations["go"]) != 1 {
		t.Fatalf("got %s", raw)
	}
	configuration := found.Configurations["go"][0]
	adapter, ok := found.Adapters[fmt.Sprint(configuration["type"])]
	if !ok || adapter.Type != "executable" {
		t.Fatalf("no adapter to start for type %v: %s", configuration["type"], raw)
	}
	return setup{append([]string{adapter.Command}, adapter.Args...), configuration}
}

func readHelix(_ context.Context, t *testing.T, s setups) setup {
	var file struct {
		Language []struct {
			Name     string
			Debugger struct {
				Name, Transport, Command string
				Args                     []string
				Templates                []struct {
					Name, Request string
					Completion    []string
					Args          map[string]any
				}
			}
		}
	}
	text := s.text(t, "Helix", ".helix/languages.toml")
	known, err := toml.Decode(text, &file)
	if err != nil || len(known.Undecoded()) > 0 {
		t.Fatalf("%v, unknown are %v\n%s", err, known.Undecoded(), text)
	}
	debugger := file.Language[0].Debugger
	template := debugger.Templates[0]
	if debugger.Transport != "stdio" || template.Request != "launch" {
		t.Errorf("Helix starts nothing by %+v", debugger)
	}
	for name, value := range template.Args {
		switch v := value.(type) {
		case string, bool:
		case []any:
			if slices.ContainsFunc(v, func(one any) bool { _, ok := one.(string); return !ok }) {
				t.Errorf("Helix takes lists of strings alone, not %s = %v", name, v)
			}
		default:
			t.Errorf("Helix takes strings, lists of them, true and false, not %s = %v", name, v)
		}
	}
	return setup{append([]string{debugger.Command}, debugger.Args...), template.Args}
}

func readZed(_ context.Context, t *testing.T, s setups) setup {
	program := s.write(t, "Zed", "kubetunnel-dap")
	if out, err := exec.Command("sh", "-n", program).CombinedOutput(); err != nil { //nolint:gosec // our own
		t.Fatalf("%v\n%s", err, out)
	}
	var settings struct {
		DAP map[string]struct{ Binary string }
	}
	fromJSON(t, here(s.text(t, "Zed", "settings.json")), &settings)
	var scenarios []map[string]any
	fromJSON(t, s.text(t, "Zed", ".zed/debug.json"), &scenarios)
	launch := scenarios[0]
	if settings.DAP["GDB"].Binary != filepath.Base(program) || launch["adapter"] != "GDB" || launch["program"] == nil {
		t.Errorf("%+v does not start %s for %v", settings, program, launch)
	}
	delete(launch, "adapter")
	delete(launch, "label")
	return setup{[]string{program, "-i=dap"}, launch} // with what Zed starts GDB by
}

func readEclipse(_ context.Context, t *testing.T, s setups) setup {
	type attribute struct {
		Key   string `xml:"key,attr"`
		Value string `xml:"value,attr"`
		List  []struct {
			Value string `xml:"value,attr"`
		} `xml:"listEntry"`
	}
	var file struct {
		Type string      `xml:"type,attr"`
		All  []attribute `xml:",any"`
	}
	text := s.text(t, "Eclipse", "cart.launch")
	if err := xml.Unmarshal([]byte(text), &file); err != nil || file.Type != "org.eclipse.lsp4e.debug.launchType" {
		t.Fatalf("%v, type %s", err, file.Type)
	}
	found := map[string]attribute{}
	for _, a := range file.All {
		found[strings.TrimPrefix(a.Key, "org.eclipse.lsp4e.debug.model.ATTR_DSP_")] = a
	}
	if found["MODE"].Value != "launch server" {
		t.Errorf("mode %q starts nothing", found["MODE"].Value)
	}
	command := []string{here(found["CMD"].Value)}
	for _, entry := range found["ARGS"].List {
		command = append(command, entry.Value)
	}
	var launch map[string]any
	fromJSON(t, here(found["PARAM"].Value), &launch)
	return setup{command, launch}
}

func readLSP4IJ(_ context.Context, t *testing.T, s setups) setup {
	const heading = "IntelliJ, GoLand and PyCharm with LSP4IJ"
	var launch map[string]any
	fromJSON(t, here(s.text(t, heading, "launch.json")), &launch)
	return setup{strings.Fields(s.text(t, heading, "command")), launch}
}
