//go:build unix

package debug

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kubetunnel/kubetunnel/protocol"
)

func TestExamineTellsWhichAdaptersThereAre(t *testing.T) {
	for name, c := range map[string]struct {
		script   string
		severity protocol.Severity
		want     string
	}{
		"found":           {"#!/bin/sh\necho Delve Debugger\necho Version: 1.2.3\n", protocol.SeverityInfo, "dlv 1.2.3, at "},
		"not there":       {"", protocol.SeverityWarning, "Delve (dlv) is neither in PATH nor"},
		"does not run":    {"#!/bin/sh\nexit 3\n", protocol.SeverityWarning, "does not tell its version: exit status 3"},
		"tells no number": {"#!/bin/sh\necho hello\n", protocol.SeverityWarning, `it says "hello\n"`},
	} {
		t.Run(name, func(t *testing.T) {
			tools := t.TempDir()
			if c.script != "" {
				if err := os.WriteFile(filepath.Join(tools, "dlv"), []byte(c.script), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			for name, value := range map[string]string{"PATH": tools + ":/bin", "HOME": tools, "GOPATH": "", "GOBIN": ""} {
				t.Setenv(name, value)
			}
			found := Examine(t.Context())
			if len(found) == 0 || found[0].Field != "adapter go" || found[0].Severity != c.severity || !strings.Contains(found[0].Message, c.want) {
				t.Errorf("found %+v, want %q", found, c.want)
			}
			if c.script == "" && (found[0].Fix == nil || found[0].Code != protocol.CodeAdapterMissing) {
				t.Errorf("what to do is not told: %+v", found[0])
			}
		})
	}
}
