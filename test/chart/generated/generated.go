// Package generated makes what is written from the chart: the manifest that
// `tunnel-server install` applies, and the tables of the chart's README.
package generated

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kubetunnel/kubetunnel/test/chart/helm"
)

// InstallPath and ReadmePath are below the project's folder.
const (
	InstallPath = "operator/manifests/install.yaml"
	ReadmePath  = "operator/chart/README.md"
)

// order is that of installing: the type before what is of it, the Namespace before what
// is in it, the rules before the operator that relies on them.
var order = []string{"crd", "namespace", "serviceaccount", "state", "rbac", "developers", "admission", "poddisruptionbudget", "deployment"}

// Files are the contents of all that is generated, by their paths below the project's folder.
func Files(root string) (map[string][]byte, error) {
	install, err := installManifest(root)
	if err != nil {
		return nil, err
	}
	readme, err := readme(root)
	if err != nil {
		return nil, err
	}
	return map[string][]byte{InstallPath: install, ReadmePath: readme}, nil
}

// InstallValues are those by which the manifest is rendered: the defaults, and the
// Namespace, which Helm itself makes otherwise.
func InstallValues() helm.Values {
	return helm.Values{"namespace": helm.Values{"create": true}}
}

func installManifest(root string) ([]byte, error) {
	chart, err := helm.Load(root)
	if err != nil {
		return nil, err
	}
	release, err := helm.Template(chart, helm.Namespace, InstallValues())
	if err != nil {
		return nil, err
	}
	documents := make([][]string, len(order))
	for document := range strings.SplitSeq("\n"+release.Manifest, "\n---\n") {
		document = strings.TrimSpace(document)
		if document == "" {
			continue
		}
		source, content, _ := strings.Cut(document, "\n")
		name := strings.TrimSuffix(filepath.Base(source), ".yaml")
		at := slices.Index(order, name)
		if at < 0 {
			return nil, fmt.Errorf("%s has no place in the order of installing", source)
		}
		documents[at] = append(documents[at], content)
	}
	var out bytes.Buffer
	out.WriteString("# Code generated from operator/chart by make generate. DO NOT EDIT.\n")
	for _, document := range slices.Concat(documents...) {
		fmt.Fprintf(&out, "---\n%s\n", document)
	}
	return out.Bytes(), nil
}

// readme puts the tables between their marks.
func readme(root string) ([]byte, error) {
	content, err := os.ReadFile(filepath.Join(root, ReadmePath))
	if err != nil {
		return nil, err
	}
	values, err := valuesTable(filepath.Join(helm.ChartPath(root), "values.yaml"))
	if err != nil {
		return nil, err
	}
	rights, err := rightsTables(filepath.Join(helm.ChartPath(root), "rights"))
	if err != nil {
		return nil, err
	}
	for name, table := range map[string]string{"values": values, "rights": rights} {
		begin, end := []byte("<!-- "+name+": begin -->\n"), []byte("<!-- "+name+": end -->\n")
		before, rest, ok := bytes.Cut(content, begin)
		_, after, closed := bytes.Cut(rest, end)
		if !ok || !closed {
			return nil, fmt.Errorf("%s has no marks of %s", ReadmePath, name)
		}
		content = slices.Concat(before, begin, []byte(table), end, after)
	}
	return content, nil
}
