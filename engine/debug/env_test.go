//go:build unix

package debug

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestMergeEnvironment(t *testing.T) {
	own := "own"
	got := MergeEnvironment(
		[]string{"PATH=/usr/bin", "HOME=/home/anna", "LANG=de", "EDITOR=vi", "BOTH=workstation", "GONE=workstation", "LC_ALL=de", "NO_PROXY=workstation", "KUBECONFIG=x"},
		[]string{"PATH=/app", "HOME=/", "LANG=C", "BOTH=pod", "USERS=pod", "POD=a=b", "GONE=pod", "LC_TIME=C", "HTTP_PROXY=pod", "NO_PROXY=pod", "EMPTY=", "broken", "LD_PRELOAD=x", "SSL_CERT_FILE=/x"},
		[]string{"HTTP_PROXY=sandbox", "NO_PROXY", "KUBECONFIG", ""},
		map[string]*string{"USERS": &own, "GONE": nil},
	)
	want := []string{"PATH=/usr/bin", "HOME=/home/anna", "LANG=de", "EDITOR=vi", "LC_ALL=de",
		"BOTH=pod", "EMPTY=", "HTTP_PROXY=sandbox", "NO_PROXY=pod", "POD=a=b", "USERS=own"}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestSandboxesOptionsAreJoinedWithTheOthers(t *testing.T) {
	const name = "JAVA_TOOL_OPTIONS"
	own := "-Dmine"
	for test, c := range map[string]struct {
		workstation, pod, extra []string
		user                    map[string]*string
		want                    []string
	}{
		"the sandbox's alone":            {extra: []string{name + "=-Dours"}, want: []string{name + "=-Dours"}},
		"before the workstation's":       {workstation: []string{name + "=-Dtheirs"}, extra: []string{name + "=-Dours"}, want: []string{name + "=-Dours -Dtheirs"}},
		"after the pod's":                {workstation: []string{name + "=x"}, pod: []string{name + "=-javaagent:/a"}, extra: []string{name + "=-Dours"}, want: []string{name + "=-javaagent:/a -Dours"}},
		"before the configuration's":     {pod: []string{name + "=x"}, extra: []string{name + "=-Dours"}, user: map[string]*string{name: &own}, want: []string{name + "=-Dours -Dmine"}},
		"unset by the configuration":     {pod: []string{name + "=x"}, extra: []string{name + "=-Dours"}, user: map[string]*string{name: nil}},
		"not touched by other sandboxes": {pod: []string{name + "=x"}, extra: []string{"HOSTNAME=x"}, want: []string{"HOSTNAME=x", name + "=x"}},
	} {
		if got := MergeEnvironment(c.workstation, c.pod, c.extra, c.user); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", test, got, c.want)
		}
	}
}

func TestEnvFile(t *testing.T) {
	vars, err := parseEnvFile("\ufeff# comment\r\nPLAIN=a b # comment\r\nexport EXPORTED=1\nSINGLE='a\\n$B # c'\nDOUBLE=\"a\\n\\\"b\\\" \\x\"\nLINES=\"one\ntwo\"\nEMPTY=\nURL=http://x/?a=b#c\n")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"PLAIN": "a b", "EXPORTED": "1", "SINGLE": `a\n$B # c`, "DOUBLE": "a\n\"b\" \\x", "LINES": "one\ntwo", "EMPTY": "", "URL": "http://x/?a=b#c",
	} {
		if got := vars[name]; got == nil || *got != want {
			t.Errorf("%s = %v, want %q", name, got, want)
		}
	}
	for _, bad := range []string{"no assignment", "=x", "A B=c", "OPEN=\"never\nends"} {
		if vars, err := parseEnvFile(bad); err == nil {
			t.Errorf("%q is taken: %v", bad, vars)
		}
	}
}

func TestGoShimGoesBackToTheWorkstationsEnvironment(t *testing.T) {
	tools := t.TempDir()
	script := "#!/bin/sh\necho \"$0 $1 GOFLAGS=$GOFLAGS MARK=$MARK\"\nexit 6\n"
	if err := os.WriteFile(filepath.Join(tools, "go"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	folder, err := writeShim(t.TempDir(), []string{"PATH=" + tools + ":/bin:/usr/bin", "MARK=workstation"}, stay)
	if err != nil {
		t.Fatal(err)
	}
	for _, called := range []string{"go", filepath.Join(folder, "go")} {
		cmd := &exec.Cmd{Path: filepath.Join(folder, "go"), Args: []string{called, "build"}, Env: []string{"PATH=" + folder + ":/nowhere", "GOFLAGS=hostile", "MARK=pod"}}
		out, _ := cmd.CombinedOutput()
		// A sandbox's command line to the outside would come here.
		want := filepath.Join(tools, "go") + " build GOFLAGS= MARK=workstation"
		if strings.TrimSpace(string(out)) != want || cmd.ProcessState.ExitCode() != 6 {
			t.Errorf("called as %s: %q, exit code %d, want %q", called, out, cmd.ProcessState.ExitCode(), want)
		}
	}
	if folder, err := writeShim(t.TempDir(), []string{"PATH=/nowhere"}, stay); folder != "" || err != nil {
		t.Errorf("without a go command: %q, %v", folder, err)
	}
}

// stay is Leave of a sandbox that one is never in.
func stay(args []string) ([]string, error) { return args, nil }

func TestCaptureMarkComesAfterTheOutput(t *testing.T) {
	got := make(chan string, 100)
	c, err := newCapture(func(text string) { got <- text })
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	for _, part := range []string{"one ", "caf\xc3", "\xa9 ", "\x00kube"} {
		if _, err := c.write.WriteString(part); err != nil {
			t.Fatal(err)
		}
	}
	done := make(chan struct{})
	c.mark(func() { close(done) })
	<-done
	close(got)
	var all strings.Builder
	for text := range got {
		if !strings.Contains("one café \x00kube", text) {
			t.Errorf("a piece is cut: %q", text)
		}
		all.WriteString(text)
	}
	if all.String() != "one café \x00kube" {
		t.Errorf("got %q", all.String())
	}
}

func TestVariablesAreOnlyWhatDiffers(t *testing.T) {
	one := "1"
	got := Variables([]string{"PATH=/bin", "SAME=x", "http_proxy=corp", "MINE=0"}, []string{"PATH=/app", "SAME=x", "CURRENCY=EUR"},
		[]string{"http_proxy", "no_such"}, map[string]*string{"MINE": &one, "NONE": nil})
	want := map[string]string{"CURRENCY": "EUR", "MINE": "1"}
	for name, value := range want {
		if got[name] == nil || *got[name] != value {
			t.Errorf("%s: got %v, want %q", name, got[name], value)
		}
	}
	if value, there := got["http_proxy"]; !there || value != nil || len(got) != len(want)+1 {
		t.Errorf("got %v", got)
	}
}
