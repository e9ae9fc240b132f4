package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kubetunnel/kubetunnel/protocol"
	"github.com/kubetunnel/kubetunnel/server/servertest"
	"github.com/kubetunnel/kubetunnel/test/cluster"
)

// jdb is Java's own debugger at its prompt.
type jdb struct {
	t    *testing.T
	in   io.Writer
	out  *bufio.Reader
	seen strings.Builder
}

func startJDB(ctx context.Context, t *testing.T, address, sources string) *jdb {
	t.Helper()
	cmd := exec.CommandContext(ctx, "jdb", "-sourcepath", sources, "-attach", address) //nolint:gosec // our own
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return &jdb{t: t, in: in, out: bufio.NewReader(out)}
}

func (d *jdb) say(line string) {
	d.t.Helper()
	if _, err := fmt.Fprintln(d.in, line); err != nil {
		d.t.Fatal(err)
	}
}

// until reads until a text has come, and forgets what was before its end.
func (d *jdb) until(want string) {
	d.t.Helper()
	for !strings.Contains(d.seen.String(), want) {
		b, err := d.out.ReadByte()
		if err != nil {
			d.t.Fatalf("%v, before %q: %q", err, want, d.seen.String())
		}
		d.seen.WriteByte(b)
	}
	d.seen.Reset()
}

// A debugger that lives elsewhere attaches to a program's own debug server, inside the
// sandbox, by a port that is exposed.
func TestDebuggerOfJavaAttachesToTheProgramInThePod(t *testing.T) {
	ctx := testContext(t)
	restored := remember(ctx, t, shop, "cart")
	e := openEditor(ctx, t)
	source, line := breakpointIn(t, filepath.Join("testdata", "debuggers", "Cart.java"))
	classes := t.TempDir()
	if out, err := exec.CommandContext(ctx, "javac", "-g", "-d", classes, source).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	const debugPort = 5005
	port := freePort(ctx, t)
	listen := listenOn(port)
	_, err := e.Server.StartSession(ctx, &protocol.StartSessionParams{
		ID: "java", Target: protocol.Target{Namespace: shop, Service: "cart", LocalPort: port},
		Command: &protocol.Command{
			Args: []string{"java", fmt.Sprintf("-agentlib:jdwp=transport=dt_socket,server=y,suspend=y,address=127.0.0.1:%d", debugPort), "-cp", classes, "Cart"},
			Env:  map[string]*string{"LISTEN": &listen}, Expose: []int{debugPort},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	info, err := e.WaitState(ctx, "java", protocol.StateReady)
	if err != nil {
		t.Fatal(err)
	}
	if len(info.Exposed) != 1 || info.Exposed[0].Port != debugPort {
		t.Fatalf("exposed: %+v", info.Exposed)
	}
	err = cluster.Wait(ctx, "the program to wait for its debugger", func() (bool, error) {
		return e.Session("java").Exposed[0].Listening, nil
	})
	if err != nil {
		t.Fatalf("%v\n%s", err, e.Output("java"))
	}
	d := startJDB(ctx, t, fmt.Sprintf("127.0.0.1:%d", info.Exposed[0].LocalPort), filepath.Dir(source))
	d.until("main[1] ")
	d.say(fmt.Sprintf("stop at Cart:%d", line))
	d.until("main[1] ")
	d.say("cont")
	if _, err := e.WaitState(ctx, "java", protocol.StateLive); err != nil {
		t.Fatalf("%v\n%s", err, e.Output("java"))
	}
	answered := (debuggee{}).callAside(ctx)
	d.until("Breakpoint hit:")
	d.until("[1] ")
	d.say("print currency")
	d.until(`currency = "EUR"`)
	d.say("clear Cart:" + fmt.Sprint(line))
	d.say("cont")
	if err := <-answered; err != nil {
		t.Fatal(err)
	}
	stopSession(ctx, t, e, "java")
	restored()
	waitServedBy(ctx, t, false)
}

// The editor's own debugger for Java attaches to the program that the session starts, by
// what session/resolve makes of a launch; here it is jdb, which comes at once, before the
// program is there.
func TestDebuggerOfJavaAttachesToWhatTheSessionStarts(t *testing.T) {
	needLanguages(t)
	ctx := testContext(t)
	restored := remember(ctx, t, shop, "stock")
	e := openEditor(ctx, t)
	d := debuggee{service: "stock", url: stock, answer: `"worth":4200,"warehouse":"lisbon"`}
	source, line := breakpointIn(t, filepath.Join(world.Root, "examples", "shop", "stock", "src", "shop", "Stock.java"))
	classes := t.TempDir()
	if out, err := exec.CommandContext(ctx, "javac", "-g", "-d", classes, source).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	port := freePort(ctx, t)
	target := protocol.Target{Namespace: shop, Service: "stock", LocalPort: port}
	resolved, err := e.Server.ResolveSession(ctx, &protocol.ResolveSessionParams{ID: "stock", Target: target, Launch: json.RawMessage(fmt.Sprintf(
		`{"type":"java","request":"launch","name":"Stock","mainClass":"shop.Stock","classPaths":[%q],"vmArgs":"-Xmx64m","env":{"LISTEN":%q}}`, classes, listenOn(port),
	))})
	if err != nil || len(resolved.Diagnostics) > 0 {
		t.Fatalf("%+v, %v", resolved, err)
	}
	var attach struct {
		Type, Request, HostName string
		Port                    int
	}
	if err := json.Unmarshal(resolved.Launch, &attach); err != nil || attach.Type != "java" || attach.Request != "attach" {
		t.Fatalf("%s, %v", resolved.Launch, err)
	}
	started, err := e.Server.StartSession(ctx, &protocol.StartSessionParams{ID: "stock", Target: target, Launch: resolved.Launch})
	if err != nil || started.DAP != nil {
		t.Fatalf("%+v, %v", started, err)
	}
	at := fmt.Sprintf("%s:%d", attach.HostName, attach.Port)
	roots := filepath.Dir(filepath.Dir(source))
	d.stopInJava(ctx, t, e, startJDB(ctx, t, at, roots), line)
	if _, err := e.Server.RestartSession(ctx, &protocol.SessionParams{ID: "stock"}); err != nil {
		t.Fatal(err)
	}
	d.waitOrigin(ctx, t) // it waits for its debugger again
	d.stopInJava(ctx, t, e, startJDB(ctx, t, at, roots), line)
	stopSession(ctx, t, e, "stock")
	restored()
	d.waitOrigin(ctx, t)
	waitNothingLeft(ctx, t, shop)
}

// stopInJava lets the cluster call, looks around at the breakpoint and steps; then the
// call is answered.
func (d debuggee) stopInJava(ctx context.Context, t *testing.T, e *servertest.Editor, j *jdb, line int) {
	t.Helper()
	j.until("main[1] ")
	j.say(fmt.Sprintf("stop at shop.Stock:%d", line))
	j.until("main[1] ")
	j.say("cont")
	if _, err := e.WaitState(ctx, "stock", protocol.StateLive); err != nil {
		t.Fatalf("%v\n%s", err, e.Output("stock"))
	}
	answered := d.callAside(ctx)
	j.until("Breakpoint hit: \"thread=pool-1-thread-")
	j.until("[1] ")
	j.say("locals")
	j.until(`item = "apple"`)
	j.until("[1] ")
	j.say("next")
	j.until(fmt.Sprintf("line=%d ", line+1))
	j.until("[1] ")
	j.say("print worth + 1")
	j.until("worth + 1 = 4201")
	j.until("[1] ")
	j.say("threads")
	j.until("pool-1-thread-1")
	j.until("[1] ")
	j.say(fmt.Sprintf("clear shop.Stock:%d", line))
	j.until("[1] ")
	j.say("cont")
	if err := <-answered; err != nil {
		t.Fatal(err)
	}
}
