//go:build linux

package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kubetunnel/kubetunnel/protocol"
)

// TestPlacesWithoutNamespaces plays machines that refuse something, each in a user
// namespace where this test is root and can spoil what it likes.
func TestPlacesWithoutNamespaces(t *testing.T) {
	for _, test := range []struct{ place, want string }{
		{"limit max_user_namespaces", "loopback no space left on device user.max_user_namespaces"},
		{"limit max_net_namespaces", "loopback no space left on device user.max_net_namespaces"},
		{"limit max_pid_namespaces", "loopback no space left on device user.max_pid_namespaces"},
		{"chroot", "loopback operation not permitted"},
		{"maskedproc", "namespaces pid=false hello"},
		{"notun", "namespaces pid=true hello"},
		{"badtun", "namespaces pid=true hello"},
		{"fulldisk", "no space left on device, of no sandbox"},
		{"resolved", "namespaces pid=true hello"},
	} {
		t.Run(test.place, func(t *testing.T) {
			if got := inPlace(t, "place", test.place); got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}

func TestExamineSaysWhatKeepsFromNamespacesAndWhatToChange(t *testing.T) {
	const (
		good = "info sandbox: mode namespaces"
		less = "warning sandbox: mode loopback"
	)
	for _, test := range []struct {
		place string
		want  []string
	}{
		{"limit max_user_namespaces", []string{less, "user.max_user_namespaces = 0", "As root => sysctl -w user.max_user_namespaces=10000"}},
		{"limit max_pid_namespaces", []string{less, "As root => sysctl -w user.max_pid_namespaces=10000"}},
		{"chroot", []string{less, "runs in a chroot", "Start it outside of the chroot"}},
		{"maskedproc", []string{good, "sandbox network: a ", "warning sandbox processes: a fresh /proc is refused", "systempaths=unconfined"}},
		{"notun", []string{good, "warning sandbox network: a pair of virtual Ethernet links", "no such file", "=> sudo modprobe tun", "info sandbox processes"}},
		{"badtun", []string{good, "warning sandbox network: a pair of virtual Ethernet links", "/dev/net/tun"}},
	} {
		t.Run(test.place, func(t *testing.T) {
			told := inPlace(t, "examine", test.place)
			for _, want := range test.want {
				if !strings.Contains(told, want) {
					t.Errorf("no %q in\n%s", want, told)
				}
			}
		})
	}
}

func TestExamineHeedsTheModeThatIsAskedFor(t *testing.T) {
	for asked, want := range map[Mode]protocol.Severity{"": protocol.SeverityInfo, ModeNamespaces: protocol.SeverityInfo, ModeLoopback: protocol.SeverityWarning, "vm": protocol.SeverityError} {
		if found := Examine(t.Context(), asked); len(found) == 0 || found[0].Severity != want {
			t.Errorf("asked for %q: %+v", asked, found)
		}
	}
}

// examinePlace is the helper: it spoils its surroundings and tells what Examine finds.
func examinePlace(dir string, place []string) {
	if err := spoil(dir, place); err != nil {
		fmt.Println("spoiling:", err)
		return
	}
	for _, d := range Examine(context.Background(), "") {
		fmt.Printf("%s %s: %s", d.Severity, d.Field, d.Message)
		if d.Fix != nil {
			fmt.Printf(" -> %s => %s", d.Fix.Title, d.Fix.Command)
		}
		fmt.Println()
	}
}

// inPlace runs a helper where this test is root and can spoil what it likes.
func inPlace(t *testing.T, helper, place string) string {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), helperVariable+"=inside "+helper+" "+shortDir(t)+" "+place)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER | unix.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v: %s", err, out)
	}
	return strings.TrimSpace(string(out))
}

// tryPlace is the helper: it spoils its surroundings and makes a sandbox.
func tryPlace(dir string, place []string) {
	if err := spoil(dir, place); err != nil {
		fmt.Println("spoiling:", err)
		return
	}
	pod := testPod()
	box, err := New(context.Background(), Config{Dir: dir, Pod: pod, Cluster: nil}, nil)
	var unavailable *UnavailableError
	if errors.Is(err, syscall.ENOSPC) && !errors.As(err, &unavailable) {
		// A full disk is not a limit on namespaces; and nothing is left.
		left := len(living(descendants(os.Getpid())))
		if fd, err := os.ReadDir("/proc/self/fd"); left > 0 || err != nil || len(fd) > 12 {
			fmt.Println("left:", left, "processes", fd, err)
		}
		fmt.Println("no space left on device, of no sandbox")
		return
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = box.Close(context.Background()) }()
	n, ok := box.(*namespaces)
	if !ok {
		fmt.Println(box.Mode(), whyLoopback(box.Reason()))
		return
	}
	out := &output{}
	// A port below 1024 by an ordinary program.
	cmd := insideCommand(out, "selfcall", "127.0.0.1:80")
	p, err := n.Start(context.Background(), cmd)
	if err == nil {
		_, err = p.Wait(context.Background())
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	answer := &output{}
	if p, err = n.Start(context.Background(), insideCommand(answer, "lookup", "prices")); err == nil {
		_, err = p.Wait(context.Background())
	}
	if err != nil || strings.TrimSpace(answer.String()) != "10.96.7.7" {
		fmt.Println("resolving:", answer, err)
		return
	}
	fmt.Printf("%s pid=%v %s\n", box.Mode(), n.pidNamespace, strings.TrimSpace(out.String()))
}

func whyLoopback(reason string) string {
	err := Probe(context.Background())
	var unavailable *UnavailableError
	if !errors.As(err, &unavailable) || !strings.Contains(reason, unavailable.Err.Error()) {
		return fmt.Sprint("without a reason: ", reason, err)
	}
	var errno syscall.Errno
	_ = errors.As(err, &errno)
	text := errno.Error()
	if names := limitsAtZero("/proc/sys/user"); len(names) > 0 {
		text += " " + strings.Join(names, " ")
	}
	return text
}

func spoil(dir string, place []string) error {
	switch place[0] {
	case "limit":
		return os.WriteFile("/proc/sys/user/"+place[1], []byte("0"), 0)
	case "maskedproc": // as container runtimes do it
		return unix.Mount("tmpfs", "/proc/sys", "tmpfs", unix.MS_RDONLY, "")
	case "notun":
		return unix.Mount("tmpfs", "/dev/net", "tmpfs", 0, "")
	case "badtun": // a file that is no device, for nobody
		if err := unix.Mount("tmpfs", "/dev/net", "tmpfs", 0, ""); err != nil {
			return err
		}
		return os.WriteFile("/dev/net/tun", nil, 0)
	case "fulldisk":
		if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=8k"); err != nil {
			return err
		}
		return fill(dir)
	case "resolved": // a link to a file of systemd-resolved's, which is hidden
		for _, folder := range []string{"/run", "/etc"} {
			if err := unix.Mount("tmpfs", folder, "tmpfs", 0, ""); err != nil {
				return err
			}
		}
		if err := os.MkdirAll("/run/systemd/resolve", 0o755); err != nil {
			return err
		}
		if err := os.WriteFile("/run/systemd/resolve/stub-resolv.conf", []byte("nameserver 127.0.0.53\n"), 0o644); err != nil {
			return err
		}
		if err := os.WriteFile("/etc/nsswitch.conf", []byte("hosts: files resolve [!UNAVAIL=return] dns\n"), 0o644); err != nil {
			return err
		}
		return os.Symlink("../run/systemd/resolve/stub-resolv.conf", "/etc/resolv.conf")
	case "chroot":
		root := dir + "/root"
		if err := os.Mkdir(root, 0o755); err != nil {
			return err
		}
		if err := unix.Mount("/", root, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
			return err
		}
		if err := unix.Chroot(root); err != nil {
			return err
		}
		return os.Chdir("/")
	}
	return errors.New("unknown place")
}

// fill leaves no room in a folder's file system.
func fill(dir string) error {
	err := os.WriteFile(dir+"/full", make([]byte, 1<<20), 0o600)
	if errors.Is(err, syscall.ENOSPC) {
		return nil
	}
	return fmt.Errorf("not full: %w", err)
}

func TestNewChoosesTheMode(t *testing.T) {
	for _, test := range []struct {
		name string
		cfg  Config
		want Mode
		bad  bool
	}{
		{"no pod yet", Config{}, ModeNamespaces, false},
		{"a pod", Config{Pod: testPod()}, ModeNamespaces, false},
		{"loopback forced", Config{Pod: testPod(), Mode: ModeLoopback}, ModeLoopback, false},
		{"no such mode", Config{Mode: "vm"}, "", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.cfg.Dir = shortDir(t)
			box, err := New(t.Context(), test.cfg, nil)
			if (err != nil) != test.bad {
				t.Fatal(err)
			}
			if err != nil {
				return
			}
			if box.Mode() != test.want {
				t.Errorf("mode %s, want %s", box.Mode(), test.want)
			}
			if err := box.Close(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	for asked, want := range map[Mode]Mode{"": ModeNamespaces, ModeNamespaces: ModeNamespaces, ModeLoopback: ModeLoopback} {
		if d := Describe(t.Context(), asked); d.Mode != want || d.Reason != "" || len(d.Limits) == 0 {
			t.Errorf("Describe, asked for %q: %+v", asked, d)
		}
	}
}
