//go:build linux

package sandbox

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
)

// bothModes runs a test in a sandbox of each mode that has become the test's pod.
func bothModes(t *testing.T, test func(t *testing.T, box Sandbox)) {
	for _, mode := range []Mode{ModeNamespaces, ModeLoopback} {
		t.Run(string(mode), func(t *testing.T) {
			box, err := New(t.Context(), Config{Dir: shortDir(t), Pod: testPod(), Mode: mode}, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := box.Close(t.Context()); err != nil {
					t.Error(err)
				}
			}()
			test(t, box)
		})
	}
}

// manyVariables are of so many bytes together; the kernel takes 128 KiB for one.
func manyVariables(bytes int) []string {
	const each = 64 << 10
	env := []string{"PATH=" + os.Getenv("PATH")}
	for i := range bytes / each {
		name := fmt.Sprintf("LARGE_%d=", i)
		env = append(env, name+strings.Repeat("x", each-len(name)-1))
	}
	return env
}

func TestLargeEnvironments(t *testing.T) {
	bothModes(t, func(t *testing.T, box Sandbox) {
		if got := shell(t, box, Command{Args: []string{"/bin/sh", "-c", "env | wc -c"}, Dir: "/", Env: manyVariables(1 << 20)}); len(got) < len("1000000") {
			t.Errorf("of 1 MiB the program has %s bytes", got)
		}
		for name, env := range map[string][]string{
			"in all":          manyVariables(8 << 20),
			"a single one":    append(manyVariables(0), "LARGE="+strings.Repeat("x", 1<<20)),
			"beyond all need": manyVariables(20 << 20),
		} {
			_, err := box.Start(t.Context(), Command{Args: []string{"/bin/true"}, Dir: "/", Env: env})
			if err == nil || name != "beyond all need" && !errors.Is(err, syscall.E2BIG) {
				t.Errorf("too large, %s: %v", name, err)
			}
		}
		if got := shell(t, box, Command{Args: []string{"/bin/echo", "goes on"}, Dir: "/"}); got != "goes on" {
			t.Errorf("afterwards: %q", got)
		}
	})
}

func TestOddBytesInArgumentsAndVariables(t *testing.T) {
	bothModes(t, func(t *testing.T, box Sandbox) {
		odd := "a b\n\xff\xfe'\"$x\\é"
		got := shell(t, box, Command{Args: []string{"/bin/sh", "-c", `printf '%s|%s' "$1" "$ODD"`, "sh", odd}, Dir: "/", Env: append(os.Environ(), "ODD="+odd)})
		if got != odd+"|"+odd {
			t.Errorf("%q", got)
		}
	})
}

func TestPodsWithOddResolvConfs(t *testing.T) {
	full, short := "lookup prices.shop.svc.cluster.local", "lookup prices"
	for name, c := range map[string]struct{ conf, full, short string }{
		"none":                      {"", "10.96.7.7", "error true"},
		"no options, no search":     {"nameserver 10.96.0.10\n", "10.96.7.7", "error true"},
		"no options":                {"search shop.svc.cluster.local\nnameserver 10.96.0.10\n", "10.96.7.7", "10.96.7.7"},
		"no end of line":            {"search shop.svc.cluster.local\nnameserver 10.96.0.10", "10.96.7.7", "10.96.7.7"},
		"ends of lines of Windows":  {"search shop.svc.cluster.local\r\nnameserver 10.96.0.10\r\n", "10.96.7.7", "10.96.7.7"},
		"no nameserver":             {"search shop.svc.cluster.local\n", "10.96.7.7", "10.96.7.7"},
		"the pod's own loopback":    {"nameserver 127.0.0.53\nsearch shop.svc.cluster.local\n", "10.96.7.7", "10.96.7.7"},
		"unknown words and comment": {"# hello\n;there\nfrobnicate yes\nsearch shop.svc.cluster.local\noptions ndots:five\nnameserver 10.96.0.10 # x\n", "10.96.7.7", "10.96.7.7"},
	} {
		t.Run(name, func(t *testing.T) {
			pod := testPod()
			pod.ResolvConf = []byte(c.conf)
			if c.conf == "" {
				pod.ResolvConf = nil
			}
			box := newNamespacesSandbox(t, Config{Pod: pod}, variant{pid: true})
			for command, want := range map[string]string{full: c.full, short: c.short} {
				if got := inside(t, box, strings.Fields(command)...); got != want {
					t.Errorf("%s: %q, want %q", command, got, want)
				}
			}
		})
	}
}
