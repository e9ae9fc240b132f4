package cli

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/kubetunnel/kubetunnel/protocol"
)

var (
	allRight = protocol.Diagnostic{Severity: protocol.SeverityInfo, Message: "mode namespaces", Field: "sandbox"}
	lessGood = protocol.Diagnostic{Severity: protocol.SeverityWarning, Code: protocol.CodeAdapterMissing, Message: "no dlv", Field: "adapter go", Fix: &protocol.Fix{Title: "Install Delve", Command: "go install dlv"}}
	broken   = protocol.Diagnostic{Severity: protocol.SeverityError, Code: protocol.CodeForbidden, Message: "you may not", Field: "permission", Fix: &protocol.Fix{Title: "Ask an admin", YAML: "kind: Role\n"}}
)

func TestDoctorTellsEachFindingAndWhetherASessionCouldStart(t *testing.T) {
	for name, c := range map[string]struct {
		findings []protocol.Diagnostic
		code     int
		want     string
	}{
		"all right": {[]protocol.Diagnostic{allRight}, 0, "✓ sandbox  mode namespaces\n\na session can start\n"},
		"less":      {[]protocol.Diagnostic{allRight, lessGood}, 0, "✓ sandbox     mode namespaces\n! adapter go  KT1702: no dlv\n  → Install Delve\n      go install dlv\n\na session can start\n"},
		"broken":    {[]protocol.Diagnostic{broken}, 1, "✗ permission  KT1301: you may not\n  → Ask an admin\n\nkind: Role\n\nno session can start until what is marked ✗ is mended\n"},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEngine()
			e.findings = c.findings
			o := invoke(t, e, "doctor", "--context", "dev", "-n", "shop")
			if o.code != c.code || o.out != c.want || o.err != "" {
				t.Errorf("exit code %d, %q\n%s\nwant\n%s", o.code, o.err, o.out, c.want)
			}
			if !e.has("examine dev shop/") {
				t.Errorf("calls %q", e.calls)
			}
			var told examination
			if o := invoke(t, e, "doctor", "-o", "json", "--service", "shop/cart"); json.Unmarshal([]byte(o.out), &told) != nil || o.code != c.code {
				t.Errorf("exit code %d, no JSON:\n%s", o.code, o.out)
			}
			if told.Ready != (c.code == 0) || told.Version != "1.2.3" || len(told.Findings) != len(c.findings) || told.Findings[0].Field != c.findings[0].Field {
				t.Errorf("told %+v", told)
			}
			if !e.has("examine  shop/cart") {
				t.Errorf("calls %q", e.calls)
			}
		})
	}
}

func TestDoctorPrintsTheProfileWithoutAnEngine(t *testing.T) {
	e := newEngine()
	o := invoke(t, e, "doctor", "--apparmor-profile")
	if o.code != 0 || !strings.Contains(o.out, "cli.test\" flags=(unconfined) {\n  userns,") || len(e.calls) > 0 {
		t.Errorf("%+v, calls %q", o, e.calls)
	}
}

func TestDoctorsMistakesOnTheCommandLine(t *testing.T) {
	for _, args := range [][]string{{"doctor", "-o", "yaml"}, {"doctor", "--service", "a/b/c"}, {"doctor", "x"}} {
		if o := invoke(t, newEngine(), args...); o.code != 1 || !strings.Contains(o.err, "tunnel-server doctor --help") {
			t.Errorf("%v: %+v", args, o)
		}
	}
}
