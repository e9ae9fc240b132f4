// Package helm is the real Helm for the chart's tests and for what is generated from
// the chart. It knows Helm and nothing of the project but where its chart is.
package helm

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/release"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
)

const (
	// Release and Namespace are what the README installs.
	Release   = "kubetunnel"
	Namespace = "kubetunnel-system"
	// kubeVersion is the one for which is rendered without a cluster: the oldest that is supported.
	kubeVersion = "v1.30.0"
)

// Values are those of a chart.
type Values = map[string]any

// Root finds the project's folder, above the working folder.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "operator", "chart", "Chart.yaml")); err == nil {
			return dir, nil
		}
		if filepath.Dir(dir) == dir {
			return "", errors.New("the project's folder was not found above the working folder")
		}
		dir = filepath.Dir(dir)
	}
}

// ChartPath is the chart's folder.
func ChartPath(root string) string { return filepath.Join(root, "operator", "chart") }

// Load loads the chart.
func Load(root string) (*chart.Chart, error) { return loader.Load(ChartPath(root)) }

// Template is `helm template`: what would be installed in an unknown cluster.
func Template(c *chart.Chart, namespace string, values Values) (*release.Release, error) {
	install := action.NewInstall(new(action.Configuration))
	install.DryRun, install.ClientOnly, install.Replace = true, true, true
	install.ReleaseName, install.Namespace = Release, namespace
	version, err := chartutil.ParseKubeVersion(kubeVersion)
	if err != nil {
		return nil, err
	}
	install.KubeVersion = version
	return install.Run(c, values)
}

// Objects reads a manifest.
func Objects(manifest string) ([]unstructured.Unstructured, error) {
	var out []unstructured.Unstructured
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader([]byte(manifest)), 4096)
	for {
		var u unstructured.Unstructured
		err := decoder.Decode(&u.Object)
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read a manifest: %w", err)
		}
		if len(u.Object) > 0 {
			out = append(out, u)
		}
	}
}
