package chart

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/kubetunnel/kubetunnel/operator/manifests"
	"github.com/kubetunnel/kubetunnel/operator/version"
	"github.com/kubetunnel/kubetunnel/test/chart/generated"
	"github.com/kubetunnel/kubetunnel/test/chart/helm"
)

func TestGeneratedFilesAreCurrent(t *testing.T) {
	files, err := generated.Files(root(t))
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range files {
		got, err := os.ReadFile(filepath.Join(root(t), path))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is stale: run make generate", path)
		}
	}
}

func byName(objects []unstructured.Unstructured) map[string]*unstructured.Unstructured {
	all := map[string]*unstructured.Unstructured{}
	for i, u := range objects {
		all[u.GetKind()+" "+u.GetNamespace()+"/"+u.GetName()] = &objects[i]
	}
	return all
}

// What `tunnel-server install` applies, with each of its options, is what Helm installs
// with the values of that meaning: object by object. Only the Namespace is Helm's own to make.
func TestInstallAppliesWhatHelmInstalls(t *testing.T) {
	for name, row := range map[string]struct {
		options manifests.Options
		values  helm.Values
	}{
		"with defaults": {},
		"with options": {
			manifests.Options{Image: "registry.example/me/kubetunnel:7", PullPolicy: "Always", LogLevel: "debug", DenyInherit: true},
			helm.Values{
				"image": helm.Values{"repository": "registry.example/me/kubetunnel", "tag": "7", "pullPolicy": "Always"}, "logLevel": "debug",
				"inherit": helm.Values{"environment": false, "files": false, "identity": false},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			ours, err := manifests.Objects(row.options)
			if err != nil {
				t.Fatal(err)
			}
			theirs, err := helm.Objects(template(t, row.values).Manifest)
			if err != nil {
				t.Fatal(err)
			}
			want, got := byName(theirs), byName(ours)
			if namespace := got["Namespace /"+helm.Namespace]; namespace == nil || namespace.GetLabels()["pod-security.kubernetes.io/enforce"] != "restricted" {
				t.Errorf("the Namespace is %v", namespace)
			}
			delete(got, "Namespace /"+helm.Namespace)
			for object, u := range want {
				if got[object] == nil {
					t.Errorf("install has no %s", object)
				} else if !apiequality.Semantic.DeepEqual(u.Object, got[object].Object) {
					a, _ := yaml.Marshal(got[object].Object)
					b, _ := yaml.Marshal(u.Object)
					t.Errorf("%s differs. By install:\n%s\nby Helm:\n%s", object, a, b)
				}
			}
			for object := range got {
				if want[object] == nil {
					t.Errorf("Helm has no %s", object)
				}
			}
		})
	}
}

func TestChartProgramAndMakefileAreOfOneVersion(t *testing.T) {
	metadata := load(t).Metadata
	makefile, err := os.ReadFile(filepath.Join(root(t), "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	made := regexp.MustCompile(`(?m)^VERSION := (.*)$`).FindSubmatch(makefile)
	if made == nil || string(made[1]) != version.Version || metadata.AppVersion != version.Version || metadata.Version != version.Version {
		t.Errorf("chart %s of %s, program %s, Makefile %q", metadata.Version, metadata.AppVersion, version.Version, made)
	}
}

// The type is taken over whole: templates and YAML do nothing to it.
func TestTheInterceptTypeIsTheGeneratedOne(t *testing.T) {
	content, err := os.ReadFile(filepath.Join(helm.ChartPath(root(t)), "crd", "kubetunnel.dev_intercepts.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	source, err := helm.Objects(string(content))
	if err != nil || len(source) != 1 {
		t.Fatalf("%d objects, %v", len(source), err)
	}
	objects, err := helm.Objects(template(t, nil).Manifest)
	if err != nil {
		t.Fatal(err)
	}
	made := byName(objects)["CustomResourceDefinition /intercepts.kubetunnel.dev"]
	if made == nil || !apiequality.Semantic.DeepEqual(made.Object["spec"], source[0].Object["spec"]) {
		t.Errorf("the chart has %v", made)
	}
}
