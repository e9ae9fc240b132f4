//go:build linux

package sandbox

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// surroundings is what of the workstation a sandbox must leave alone.
func surroundings(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	for _, name := range []string{
		"/proc/self/mountinfo", "/proc/net/route", "/proc/net/ipv6_route", "/proc/net/if_inet6", "/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf",
		"/proc/sys/net/ipv4/ip_unprivileged_port_start", "/proc/sys/net/ipv4/ping_group_range", "/proc/sys/kernel/hostname",
	} {
		data, _ := os.ReadFile(name)
		if name == "/proc/net/ipv6_route" {
			data = withoutCounters(data)
		}
		fmt.Fprintf(&all, "%s:\n%s\n", name, data)
	}
	links, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range links {
		addresses, _ := l.Addrs()
		fmt.Fprintln(&all, l.Index, l.Name, l.Flags, l.MTU, addresses)
	}
	return all.String() + listening(t)
}

// withoutCounters leaves out how often each route was used.
func withoutCounters(data []byte) []byte {
	var out []byte
	for line := range strings.Lines(string(data)) {
		fields := strings.Fields(line)
		if len(fields) > 8 {
			fields[6], fields[7] = "", ""
		}
		out = append(out, strings.Join(fields, " ")+"\n"...)
	}
	return out
}

// listening lists this process's own open ports.
func listening(t *testing.T) string {
	t.Helper()
	var open []string
	for _, name := range []string{"/proc/self/net/tcp", "/proc/self/net/tcp6"} {
		data, _ := os.ReadFile(name)
		for line := range strings.Lines(string(data)) {
			fields := strings.Fields(line)
			if len(fields) < 10 || fields[3] != "0A" {
				continue
			}
			inode, _ := strconv.ParseUint(fields[9], 10, 64)
			if _, _, ok := ownsOne(os.Getpid(), []listenSocket{{inode: inode}}); ok {
				open = append(open, fields[1])
			}
		}
	}
	return strings.Join(open, " ")
}

func TestTheWorkstationIsLeftAlone(t *testing.T) {
	cluster := newFakePodCluster(t)
	before := surroundings(t)
	one := newNamespacesSandbox(t, Config{Cluster: cluster}, variant{pid: true})
	second := testPod()
	second.Hostname = "other"
	second.Resolver = fakeResolver{"prices.shop.svc.cluster.local. A": {"prices.shop.svc.cluster.local. 5 IN A 10.97.1.1"}}
	source := t.TempDir()
	writeFile(t, source+"/file", "second")
	second.Mounts = []Mount{{Path: "/kubetunnel-only-second", Source: source}}
	two := newNamespacesSandbox(t, Config{Cluster: cluster, Pod: second}, variant{pid: true})
	startReady(t, one, "tellsource", "0.0.0.0:80")
	startReady(t, two, "tellsource", "0.0.0.0:80")
	for _, test := range []struct {
		box          *namespaces
		command, out string
	}{
		{one, "lookup prices", "10.96.7.7"}, {two, "lookup prices", "10.97.1.1"},
		{one, "hostname", "cart-7d9f-x2x4z"}, {two, "hostname", "other"},
		{one, "read /kubetunnel-only-second/file", "no such file or directory"}, {two, "read /kubetunnel-only-second/file", "second"},
		{one, "dial 10.96.7.7:80", "hello"}, {two, "dial 10.96.7.7:80", "hello"},
	} {
		if got := inside(t, test.box, strings.Fields(test.command)...); got != test.out {
			t.Errorf("%s: %q, want %q", test.command, got, test.out)
		}
	}
	if during := surroundings(t); during != before {
		t.Errorf("during two sessions:\n%s\nbefore:\n%s", during, before)
	}
	for _, box := range []*namespaces{one, two} {
		if err := box.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if after := surroundings(t); after != before {
		t.Errorf("after two sessions:\n%s\nbefore:\n%s", after, before)
	}
	for _, box := range []*namespaces{one, two} {
		if entries, err := os.ReadDir(box.cfg.Dir); err != nil || len(entries) > 0 {
			t.Errorf("left in the session's folder: %v, %v", entries, err)
		}
	}
}

func TestEndsOfNamespaces(t *testing.T) {
	for name, how := range variants {
		t.Run(name, func(t *testing.T) {
			for _, end := range []struct {
				name string
				how  func(*testing.T, *namespaces)
			}{
				{"Close", func(t *testing.T, n *namespaces) {
					if err := n.Close(t.Context()); err != nil {
						t.Error(err)
					}
				}},
				{"kill -9 of the init", func(t *testing.T, n *namespaces) { killInit(t, n.super) }},
			} {
				t.Run(end.name, func(t *testing.T) {
					box := newNamespacesSandbox(t, Config{}, how)
					tree := startFamily(t, box, box.super)
					end.how(t, box)
					waitGone(t, tree)
					if _, err := box.Start(t.Context(), insideCommand(nil, "hostname")); err == nil {
						t.Error("a process was started in a sandbox that has ended")
					}
				})
			}
			t.Run("kill -9 of the server", func(t *testing.T) {
				killServer(t, "inside nsserver "+shortDir(t)+" "+strings.ReplaceAll(name, " ", "-"))
			})
		})
	}
}

// serveNamespaces is the helper that is killed: a server with a family inside.
func serveNamespaces(args []string) {
	how := variants[strings.ReplaceAll(args[2], "-", " ")]
	box, err := newNamespaces(context.Background(), Config{Dir: args[1], Pod: testPod()}, how, nil)
	if err == nil {
		_, err = box.Start(context.Background(), helperCommand("family", os.Stdout))
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("ready")
	select {}
}

// openFiles are what this process's descriptors lead to, but for the pipes that package
// net keeps for copying between sockets: a collection closes those.
func openFiles(t *testing.T) []string {
	t.Helper()
	runtime.GC()
	runtime.GC() // a pool gives up at the second what it had at the first
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	for _, e := range entries {
		if to, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil {
			files = append(files, to)
		}
	}
	return files
}

func TestManyConnections(t *testing.T) {
	for _, name := range []string{"tun", "veth"} {
		t.Run(name, func(t *testing.T) {
			box := newNamespacesSandbox(t, Config{Cluster: newFakePodCluster(t)}, variants[name])
			if got := inside(t, box, "many", "10.96.7.7:80", "10"); got != "all 10" {
				t.Fatal(got)
			}
			var before []string
			eventually(t, "the first connections are gone", func() bool {
				before = openFiles(t)
				return len(before) < 40
			})
			var left []string
			t.Cleanup(func() {
				if t.Failed() {
					t.Logf("open before: %q\nafterwards: %q\n%+v", before, left, box.net.Load().stack.Stats().TCP)
				}
			})
			if got := inside(t, box, "many", "10.96.7.7:80", "3500"); got != "all 3500" {
				t.Fatal(got)
			}
			eventually(t, "no descriptor is left of 3,500 connections", func() bool {
				left = openFiles(t)
				return len(left) <= len(before)
			})
			eventually(t, "no connection is known any more", func() bool { return box.net.Load().stack.Stats().TCP.CurrentEstablished.Value() == 0 })
		})
	}
}

func TestEnterAndLeaveNamespaces(t *testing.T) {
	box := newNamespacesSandbox(t, Config{}, variant{pid: true})
	host, _ := os.Hostname()
	args, err := box.Enter([]string{"/bin/sh", "-c", "hostname; exit 7"})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = "/"
	out, _ := cmd.Output()
	if strings.TrimSpace(string(out)) != "cart-7d9f-x2x4z" || cmd.ProcessState.ExitCode() != 7 {
		t.Errorf("entered: %q, exit code %d", out, cmd.ProcessState.ExitCode())
	}
	// A build inside goes out again, with its folder, environment and exit code.
	leave, err := box.Leave([]string{"/bin/sh", "-c", "hostname; echo $GIVEN; pwd; exit 3"})
	if err != nil {
		t.Fatal(err)
	}
	got := runCommand(t, box, Command{Args: append([]string{"/bin/sh", "-c", `"$@"; echo $?`, "sh"}, leave...), Dir: "/usr", Env: append(os.Environ(), "GIVEN=given")})
	if want := host + "\ngiven\n/usr\n3"; got != want {
		t.Errorf("outside: %q, want %q", got, want)
	}
	if got := runCommand(t, box, Command{Args: []string{"hostname"}, Outside: true}); got != host {
		t.Errorf("a command outside: %q, want %q", got, host)
	}
}

// ordinaryUser is who runs the tests of namespaces a second time.
const ordinaryUser = 1001

func TestNamespacesAsAnOrdinaryUser(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("these tests run as an ordinary user already")
	}
	folder, err := os.MkdirTemp("", "ku")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	binary, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	path := folder + "/sandbox.test"
	if err := os.WriteFile(path, binary, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{folder, path} {
		if err := os.Chown(p, ordinaryUser, ordinaryUser); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(path, "-test.run", "Pod|Namespaces|Inbound|WatchListenInside|LeftAlone|ManyConnections|Mounts|Probe|Unavailable", "-test.count=1")
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), "HOME="+folder, "TMPDIR="+folder)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: ordinaryUser, Gid: ordinaryUser}}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("as uid %d: %v\n%s", ordinaryUser, err, out)
	}
}
