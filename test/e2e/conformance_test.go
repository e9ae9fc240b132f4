package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// conformance is one adapter, with and without KubeTunnel between it and the editor.
type conformance struct {
	source string
	// launch is the launch configuration, but for the program.
	launch map[string]any
	// program is the launch configuration's program: for the adapter that is started in the folder of the source, and for ours.
	program func(source string) (bare, ours string)
	// bare starts the adapter by itself; it gives how to reach it, and what it has written beside DAP.
	bare func(ctx context.Context, t *testing.T, folder string) (env []string, stdout func() string)
	// vary are what differs between any two runs of the adapter, each with the reason.
	vary []variation
}

// variation is what may differ, and what is put in its place.
type variation struct {
	of     *regexp.Regexp
	to     string
	reason string
}

// everywhere varies with each adapter.
var everywhere = []variation{
	{regexp.MustCompile(`"systemProcessId":\d+`), `"systemProcessId":PID`, "each run has a process of its own"},
}

var conformances = map[string]conformance{
	"delve": {
		source: "main.go", launch: map[string]any{"mode": "debug"},
		program: func(source string) (bare, ours string) { return ".", filepath.Dir(source) },
		bare:    bareDelve,
		vary: []variation{
			{regexp.MustCompile(`\(seq: \d+\)`), "(seq: N)", "Delve quotes the number under which a request has reached it, and numbers are ours"},
			{regexp.MustCompile(`0x[0-9a-f]+`), "0xADDRESS", "memory is laid out anew for each run"},
			{regexp.MustCompile(`,\{"id":\d+,"name":"\[Go \d+\] runtime\.\w+"\}`), "", "which of the runtime's own goroutines have begun is its scheduler's choice"},
			{regexp.MustCompile(`(Thread|Process) \d+`), "$1 PID", "each run has a process of its own"},
		},
	},
	"debugpy": {
		source: "app.py", launch: map[string]any{"python": os.Getenv("KUBETUNNEL_PYTHON")},
		program: func(source string) (bare, ours string) { return source, source },
		bare: func(context.Context, *testing.T, string) (env []string, stdout func() string) {
			return []string{fmt.Sprintf(`ADAPTER=[%q,"-m","debugpy.adapter"]`, os.Getenv("KUBETUNNEL_PYTHON"))}, func() string { return "" }
		},
		vary: []variation{
			{regexp.MustCompile(`"port":\d+`), `"port":PORT`, "debugpy takes ports that are free"},
			{regexp.MustCompile(`"(p?pid)":\d+`), `"$1":PID`, "each run has a process of its own"},
			{regexp.MustCompile(`0x[0-9a-f]+`), "0xADDRESS", "memory is laid out anew for each run"},
		},
	},
}

// The same script of requests has the same answers and the same events in the same order
// from an adapter in a session, but for what is our own, as from the adapter alone.
func TestDebuggerAnswersAsItDoesWithoutUs(t *testing.T) {
	for name, c := range conformances {
		t.Run(name, func(t *testing.T) {
			ctx := testContext(t)
			restored := remember(ctx, t, shop, "cart")
			source, line := breakpointIn(t, filepath.Join(world.Root, "test", "editors", "conformance", "app", c.source))
			binary := filepath.Join(t.TempDir(), "app")
			values := func(program string) string {
				launch := map[string]any{"request": "launch", "program": program, "output": binary, "cwd": filepath.Dir(source)}
				for field, value := range c.launch {
					launch[field] = value
				}
				return toJSON(t, map[string]any{"adapter": name, "source": source, "line": line, "launch": launch})
			}
			bareProgram, ourProgram := c.program(source)
			env, stdout := c.bare(ctx, t, filepath.Dir(source))
			bare := c.play(ctx, t, name, append(env, "VALUES="+values(bareProgram))...)
			bare.output["stdout"] += stdout()
			adapter := toJSON(t, []string{world.Server, "dap", "--adapter", name, "--service", "cart", "--stdio"})
			ours := c.play(ctx, t, name, append(asUser(t), "PATH="+pathWithPython(), "ADAPTER="+adapter, "VALUES="+values(ourProgram))...)
			if len(bare.answers) < 40 {
				t.Errorf("only %d answers by the adapter alone", len(bare.answers))
			}
			if diff := difference(ctx, t, bare.text(), ours.text()); diff != "" {
				t.Errorf("with KubeTunnel (+) %s says other things than without (-):\n%s", name, diff)
			}
			restored()
		})
	}
}

// pathWithPython has the tests' interpreter before others, as in an activated virtual environment.
func pathWithPython() string {
	return filepath.Dir(os.Getenv("KUBETUNNEL_PYTHON")) + string(filepath.ListSeparator) + os.Getenv("PATH")
}

// bareDelve starts Delve as editors do, and gives its port.
func bareDelve(ctx context.Context, t *testing.T, folder string) (env []string, stdout func() string) {
	cmd := exec.CommandContext(ctx, "dlv", "dap", "--listen=127.0.0.1:0")
	cmd.Dir = folder
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	out := bufio.NewReader(pipe)
	first, err := out.ReadString('\n')
	_, port, found := strings.Cut(strings.TrimSpace(first), "listening at: 127.0.0.1:")
	if err != nil || !found {
		t.Fatalf("Delve says %q, %v", first, err)
	}
	return []string{"PORT=" + port}, func() string {
		rest, err := io.ReadAll(out)
		if err := cmd.Wait(); err != nil {
			t.Errorf("Delve: %v", err)
		}
		if err != nil {
			t.Error(err)
		}
		return string(rest)
	}
}

// transcript is what an adapter has said.
type transcript struct {
	// answers are by the number of the request: an adapter may answer launch before or after what follows it.
	answers    map[int]string
	events     []string
	terminated bool
	// output are the texts of output events by category. How an adapter cuts them into events varies.
	output map[string]string
}

// play has VS Code's DebugClient play the script.
func (c conformance) play(ctx context.Context, t *testing.T, name string, env ...string) transcript {
	t.Helper()
	cmd := exec.CommandContext(ctx, "node", editorFile(t, "transcript.js")) //nolint:gosec // our own
	cmd.Dir = shopFolder()
	cmd.Env = append(append(os.Environ(), "NODE_PATH="+filepath.Join(editorsFolder(t), "node_modules"), "SCRIPT="+editorFile(t, "conformance/"+name+".json")), env...)
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s\n%s", err, out.String(), stderr.String())
	}
	got := transcript{answers: map[int]string{}, output: map[string]string{}}
	for line := range strings.Lines(out.String()) {
		var said struct {
			Number  int
			Step    string
			Message map[string]any
		}
		if err := json.Unmarshal([]byte(line), &said); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if said.Message["type"] == "response" {
			got.answers[said.Number] += said.Step + " " + c.text(t, said.Message)
			continue
		}
		c.take(t, &got, said.Message)
	}
	return got
}

// text is a message without its numbers, which are ours since we add events, and what varies.
func (c conformance) text(t *testing.T, m map[string]any) string {
	t.Helper()
	delete(m, "seq")
	delete(m, "request_seq")
	return c.same(toJSON(t, m))
}

// take sorts in what the adapter says by itself.
func (c conformance) take(t *testing.T, into *transcript, m map[string]any) {
	t.Helper()
	body, ok := m["body"].(map[string]any)
	if !ok || m["event"] != "output" {
		if into.terminated {
			return // an adapter's farewell; a session that has ended has no adapter any more
		}
		into.events = append(into.events, c.text(t, m))
		into.terminated = m["event"] == "terminated"
		return
	}
	category, text := fmt.Sprint(body["category"]), fmt.Sprint(body["output"])
	switch {
	case category == "console" && strings.HasPrefix(text, "KubeTunnel is "): // our own
	case category == "stderr": // an adapter's own complaints, which we show; without us they are nowhere
	default:
		into.output[category] += c.same(text)
	}
}

// same takes out what varies from run to run.
func (c conformance) same(text string) string {
	for _, v := range slices.Concat(everywhere, c.vary) {
		text = v.of.ReplaceAllString(text, v.to)
	}
	return text
}

func (t transcript) text() string {
	var b strings.Builder
	for _, number := range slices.Sorted(maps.Keys(t.answers)) {
		fmt.Fprintf(&b, "answer %d: %s\n", number, t.answers[number])
	}
	fmt.Fprintf(&b, "events:\n%s\noutput:\n", strings.Join(t.events, "\n"))
	for _, category := range []string{"console", "important", "stdout", "telemetry"} {
		fmt.Fprintf(&b, "%s: %q\n", category, t.output[category])
	}
	return b.String()
}

// difference is what diff says of two texts, "" when they are equal.
func difference(ctx context.Context, t *testing.T, a, b string) string {
	t.Helper()
	paths := make([]string, 2)
	for i, text := range []string{a, b} {
		paths[i] = filepath.Join(t.TempDir(), "text")
		if err := os.WriteFile(paths[i], []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, err := exec.CommandContext(ctx, "diff", "-U0", paths[0], paths[1]).Output() //nolint:gosec // our own
	if a != b && len(out) == 0 {
		t.Fatalf("diff: %v", err)
	}
	return string(out)
}
