// Package manifests has all that is installed in a cluster: the Intercept type,
// the operator with its rights, and the rules on who may intercept what. It is the
// Helm chart with its default values, as install.yaml, so that no program needs Helm.
//
// It imports apimachinery and operator/api, and no client.
package manifests

import (
	"bytes"
	_ "embed" // install.yaml
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"

	"github.com/kubetunnel/kubetunnel/operator/api/v1alpha1"
	"github.com/kubetunnel/kubetunnel/operator/version"
)

//go:embed install.yaml
var install []byte

// VersionAnnotation, on the operator's Deployment, has the version as it is; a label can't hold every one.
const VersionAnnotation = "kubetunnel.dev/version"

// Options of an installation. Zero values are this release's.
type Options struct {
	// Image of operator and agent.
	Image string
	// PullPolicy of that image: Always, IfNotPresent or Never.
	PullPolicy string
	// Version of the operator.
	Version string
	// DenyInherit: no agent may have an app's environment, files and identity.
	DenyInherit bool
	// LogLevel is debug, info, warn or error.
	LogLevel string
}

func (o Options) withDefaults() Options {
	if o.Version == "" {
		o.Version = version.Version
	}
	if o.Image == "" {
		o.Image = DefaultImage(o.Version)
	}
	if o.PullPolicy == "" {
		o.PullPolicy = "IfNotPresent"
	}
	if o.LogLevel == "" {
		o.LogLevel = "info"
	}
	return o
}

// DefaultImage is the image of a version of operator and agent.
func DefaultImage(version string) string { return "kubetunnel.dev/kubetunnel:" + version }

// Objects are all objects to apply, in the order to apply them.
func Objects(options Options) ([]unstructured.Unstructured, error) {
	options = options.withDefaults()
	out, err := decode(install)
	if err != nil {
		return nil, fmt.Errorf("read the manifest: %w", err)
	}
	for i := range out {
		label(&out[i], options)
		if out[i].GetKind() == "Deployment" {
			if err := configure(&out[i], options); err != nil {
				return nil, fmt.Errorf("set up Deployment %s: %w", out[i].GetName(), err)
			}
		}
	}
	return out, nil
}

func decode(content []byte) ([]unstructured.Unstructured, error) {
	var out []unstructured.Unstructured
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(content), 4096)
	for {
		var u unstructured.Unstructured
		err := decoder.Decode(&u.Object)
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		if len(u.Object) > 0 {
			out = append(out, u)
		}
	}
}

// label marks an object as part of the installation. It is not the label of what
// the operator makes for intercepts: those are removed with their intercepts.
func label(u *unstructured.Unstructured, o Options) {
	labels := u.GetLabels()
	if labels == nil {
		labels = map[string]string{}
	}
	labels["app.kubernetes.io/name"] = v1alpha1.OperatorName
	labels["app.kubernetes.io/part-of"] = "kubetunnel"
	labels["app.kubernetes.io/version"] = labelValue(o.Version)
	u.SetLabels(labels)
}

func configure(u *unstructured.Unstructured, o Options) error {
	u.SetAnnotations(map[string]string{VersionAnnotation: o.Version})
	containers, found, err := unstructured.NestedSlice(u.Object, "spec", "template", "spec", "containers")
	if err != nil || !found || len(containers) != 1 {
		return fmt.Errorf("want one container: %w", err)
	}
	c, ok := containers[0].(map[string]any)
	if !ok {
		return errors.New("the container is not an object")
	}
	c["image"], c["imagePullPolicy"] = o.Image, o.PullPolicy
	set := map[string]string{"agent-image": o.Image, "agent-image-pull-policy": o.PullPolicy, "log-level": o.LogLevel}
	if o.DenyInherit {
		set["inherit"] = ""
	}
	args, _, err := unstructured.NestedStringSlice(c, "args")
	if err != nil {
		return err
	}
	if err := unstructured.SetNestedStringSlice(c, withFlags(args, set), "args"); err != nil {
		return err
	}
	return unstructured.SetNestedSlice(u.Object, containers, "spec", "template", "spec", "containers")
}

// withFlags gives flags that are among args other values.
func withFlags(args []string, set map[string]string) []string {
	out := slices.Clone(args)
	for i, arg := range out {
		name, _, _ := strings.Cut(strings.TrimPrefix(arg, "--"), "=")
		if value, ok := set[name]; ok {
			out[i] = "--" + name + "=" + value
		}
	}
	return out
}

// labelValue makes a version fit into a label: 63 characters of a small alphabet.
func labelValue(s string) string {
	out := []rune{}
	for _, r := range s {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '_', r == '-':
			out = append(out, r)
		default:
			out = append(out, '_')
		}
	}
	if len(out) > 63 {
		out = out[:63]
	}
	for len(out) > 0 && (out[len(out)-1] == '.' || out[len(out)-1] == '_' || out[len(out)-1] == '-') {
		out = out[:len(out)-1]
	}
	return string(out)
}
