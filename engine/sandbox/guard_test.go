//go:build linux

package sandbox

import (
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

func TestSocketOwner(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		near, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		far, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		uid, err := socketOwner(far.RemoteAddr().(*net.TCPAddr).AddrPort(), far.LocalAddr().(*net.TCPAddr).AddrPort())
		if err != nil || uid != os.Getuid() {
			t.Errorf("%s: owner %d, %v", address, uid, err)
		}
		for _, c := range []interface{ Close() error }{near, far, l} {
			_ = c.Close()
		}
	}
}

func TestProxiesRefuseOtherUsers(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can act as another user")
	}
	b := newTestSandbox(t, Config{})
	for _, l := range []net.Listener{b.outbound.socks, b.outbound.web} {
		// A shell of another user: bash opens the connection by itself.
		host, port, err := net.SplitHostPort(l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		script := "exec 3<>/dev/tcp/" + host + "/" + port + " && printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3 && cat <&3"
		cmd := exec.Command("bash", "-c", script)
		cmd.Dir = "/"
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		out, err := cmd.CombinedOutput()
		if err == nil || strings.Contains(string(out), "kubetunnel") {
			t.Errorf("another user got %q, %v", out, err)
		}
	}
}
