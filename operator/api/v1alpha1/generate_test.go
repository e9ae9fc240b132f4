package v1alpha1_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
)

// TestGeneratedFilesAreCurrent generates anew, as the directives in generate.go
// say but for the folder, and compares.
func TestGeneratedFilesAreCurrent(t *testing.T) {
	if testing.Short() {
		t.Skip("runs controller-gen")
	}
	source, err := os.ReadFile("generate.go")
	if err != nil {
		t.Fatal(err)
	}
	tool := regexp.MustCompile(`sigs\.k8s\.io/controller-tools/cmd/controller-gen@\S+`).FindString(string(source))
	if tool == "" {
		t.Fatal("generate.go has no directive")
	}
	dir := t.TempDir()
	generate(t, tool, "object", "paths=.", "output:object:dir="+dir)
	generate(t, tool, "crd", "paths=.", "output:crd:dir="+dir)
	for name, committed := range map[string]string{
		"zz_generated.deepcopy.go":       "zz_generated.deepcopy.go",
		"kubetunnel.dev_intercepts.yaml": "../../chart/crd/kubetunnel.dev_intercepts.yaml",
	} {
		want, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(committed)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is stale: run go generate ./operator/api/...", committed)
		}
	}
}

func generate(t *testing.T, tool string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"run", tool}, args...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, out)
	}
}
