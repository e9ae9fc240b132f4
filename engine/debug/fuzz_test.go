package debug

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/kubetunnel/kubetunnel/protocol"
)

// FuzzEnvFile: a file of a workspace's gives variables with names that an environment can have, or an error.
func FuzzEnvFile(f *testing.F) {
	f.Add("A=1\nexport B='two'\n# comment\nC=\"x\\n\\\"y\\\\\"\n")
	f.Add("\ufeffA = b\r\nD=\"unclosed")
	f.Add("=\n\x00=x\nA==\n'")
	f.Fuzz(func(t *testing.T, text string) {
		vars, err := parseEnvFile(text)
		if err != nil {
			return
		}
		for name := range vars {
			if name == "" || strings.ContainsAny(name, "=\n\x00") {
				t.Errorf("%q gives the name %q", text, name)
			}
		}
	})
}

// FuzzLaunch: a launch configuration as a repository may bring it is understood, or its
// mistakes are told; what nobody has asked about stays as it was.
func FuzzLaunch(f *testing.F) {
	f.Add([]byte(`{"type":"go","request":"launch","program":"./cart","env":{"A":"1","B":null},"args":["x"],"cwd":"sub"}`))
	f.Add([]byte(`{"type":7,"env":[],"envFile":{},"program":null,"args":"x"}`))
	f.Add([]byte(`[]`))
	for _, w := range written {
		f.Add([]byte(w.launch))
	}
	f.Fuzz(func(t *testing.T, launch []byte) {
		c, err := parseConfig(launch, "/workspace")
		if err != nil {
			return
		}
		before := map[string]any{}
		if json.Unmarshal(c.raw(), &before) != nil {
			t.Fatalf("%s became no JSON: %s", launch, c.raw())
		}
		_, _, _ = c.text("type"), c.flag("stopOnEntry"), c.list("args")
		_ = c.path("program", "")
		_, _ = userVariables(c.values["env"])
		_ = c.failed()
		after := map[string]any{}
		if json.Unmarshal(c.raw(), &after) != nil || len(after) != len(before) {
			t.Errorf("asking has changed %v to %v", before, after)
		}
		if a := c.adapter(); a != nil {
			checkCommon(c, protocol.Target{})
			a.resolve(c)
			_ = a.serverPort(c)
		}
		if !json.Valid(c.raw()) {
			t.Errorf("%s is resolved to no JSON: %s", launch, c.raw())
		}
	})
}
