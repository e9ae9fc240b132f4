package chart

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/lint"
	"helm.sh/helm/v3/pkg/lint/support"
	"helm.sh/helm/v3/pkg/release"

	"github.com/kubetunnel/kubetunnel/test/chart/helm"
)

var update = flag.Bool("update", false, "write the goldens")

func root(t *testing.T) string {
	t.Helper()
	dir, err := helm.Root()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func load(t *testing.T) *chart.Chart {
	t.Helper()
	c, err := helm.Load(root(t))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func template(t *testing.T, values helm.Values) *release.Release {
	t.Helper()
	r, err := helm.Template(load(t), helm.Namespace, values)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// valuesFiles are the testdata by their names.
func valuesFiles(t *testing.T) map[string]helm.Values {
	t.Helper()
	paths, err := filepath.Glob("testdata/*.values.yaml")
	if err != nil || len(paths) < 4 {
		t.Fatalf("found %v, %v", paths, err)
	}
	all := map[string]helm.Values{}
	for _, path := range paths {
		values, err := chartutil.ReadValuesFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all[strings.TrimSuffix(filepath.Base(path), ".values.yaml")] = values
	}
	return all
}

func TestLintHasNothingToSay(t *testing.T) {
	for name, values := range valuesFiles(t) {
		for _, m := range lint.AllWithKubeVersion(helm.ChartPath(root(t)), values, helm.Namespace, nil).Messages {
			if m.Severity >= support.WarningSev || !strings.Contains(m.Error(), "icon is recommended") {
				t.Errorf("with values %s: %v", name, m)
			}
		}
	}
}

// withoutType leaves out the Intercept type, which is long and has its own source.
func withoutType(manifest string) string {
	var kept []string
	for _, document := range strings.Split("\n"+manifest, "\n---\n") {
		if document = strings.TrimSpace(document); document != "" && !strings.Contains(document, "kind: CustomResourceDefinition") {
			kept = append(kept, document)
		}
	}
	return strings.Join(kept, "\n---\n") + "\n"
}

func TestWhatIsMadeOfValues(t *testing.T) {
	for name, values := range valuesFiles(t) {
		t.Run(name, func(t *testing.T) {
			r := template(t, values)
			got := "# Written by: go test . -update\n" + withoutType(r.Manifest)
			for _, hook := range r.Hooks {
				got += "---\n# Hook\n" + strings.TrimSpace(hook.Manifest) + "\n"
			}
			got += "# Notes\n"
			for line := range strings.Lines(strings.TrimSpace(r.Info.Notes) + "\n") {
				got += strings.TrimRight("# "+line, " \n") + "\n"
			}
			path := filepath.Join("testdata", name+".golden.yaml")
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("%s is another (go test . -update writes it, git diff shows it); is now:\n%s", path, got)
			}
		})
	}
}

func TestBadValuesAreRefusedInPlainWords(t *testing.T) {
	grant := func(change func(helm.Values)) helm.Values {
		g := helm.Values{"name": "a", "namespaces": []any{"shop"}, "subjects": []any{helm.Values{"kind": "User", "name": "ann"}}}
		change(g)
		return helm.Values{"developers": []any{g}}
	}
	for name, row := range map[string]struct {
		values helm.Values
		said   string
	}{
		"a value that does not exist": {helm.Values{"replica": 2}, "additional properties 'replica' not allowed"},
		"a number as text":            {helm.Values{"replicas": "2"}, "at '/replicas': got string, want integer"},
		"no operator":                 {helm.Values{"replicas": 0}, "at '/replicas': minimum: got 0, want 1"},
		"a pull policy":               {helm.Values{"image": helm.Values{"pullPolicy": "Sometimes"}}, "at '/image/pullPolicy': value must be one of 'Always', 'IfNotPresent', 'Never'"},
		"a digest":                    {helm.Values{"image": helm.Values{"digest": "sha256:12"}}, "at '/image/digest'"},
		"what to inherit":             {helm.Values{"inherit": helm.Values{"secrets": true}}, "at '/inherit': additional properties 'secrets' not allowed"},
		"a namespace's name":          {helm.Values{"watchNamespaces": []any{"Shop"}}, "at '/watchNamespaces/0': 'Shop' does not match pattern"},
		"a grant to nobody":           {grant(func(g helm.Values) { g["subjects"] = []any{} }), "at '/developers/0/subjects': minItems: got 0, want 1"},
		"a grant without a namespace": {grant(func(g helm.Values) { delete(g, "namespaces") }), "at '/developers/0': missing property 'namespaces'"},
		"a kind of subject":           {grant(func(g helm.Values) { g["subjects"] = []any{helm.Values{"kind": "Team", "name": "a"}} }), "at '/developers/0/subjects/0/kind'"},
		"the port of health":          {helm.Values{"metrics": helm.Values{"port": 8081}}, "at '/metrics/port'"},
		"a log level":                 {helm.Values{"logLevel": "trace"}, "at '/logLevel': value must be one of"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := helm.Template(load(t), helm.Namespace, row.values); err == nil || !strings.Contains(err.Error(), row.said) {
				t.Errorf("got %v, want %q", err, row.said)
			}
		})
	}
	if _, err := helm.Template(load(t), "default", nil); err == nil || !strings.Contains(err.Error(), "helm install -n kubetunnel-system") {
		t.Errorf("another namespace: %v", err)
	}
}
