package cluster

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// operatorImage is the image of operator and agent.
const operatorImage = "kubetunnel.dev/kubetunnel"

// images are the built images: names with their tags, and tarballs.
type images struct {
	refs     map[string]string
	tarballs []string
}

// readImages reads what `make images` has written.
func readImages(dir string) (images, error) {
	content, err := os.ReadFile(filepath.Join(dir, "refs"))
	if err != nil {
		return images{}, fmt.Errorf("no images (`make images` builds them): %w", err)
	}
	found := images{refs: map[string]string{}}
	for line := range strings.Lines(string(content)) {
		name, ref, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok {
			return images{}, fmt.Errorf("%s/refs: %q", dir, line)
		}
		found.refs[name] = ref
	}
	found.tarballs, err = filepath.Glob(filepath.Join(dir, "*.tar"))
	return found, err
}

// ref is an image's name with its tag, and in the registry of an existing cluster.
func (i images) ref(name string) string {
	ref := i.refs[name]
	if ref == "" {
		ref = name
	}
	if registry := os.Getenv("KUBETUNNEL_TEST_REGISTRY"); registry != "" && Existing() {
		_, last, _ := strings.Cut(ref, "/")
		return strings.TrimSuffix(registry, "/") + "/" + last
	}
	return ref
}

// rewrite puts the built images' tags into a manifest that names them ":dev".
func (i images) rewrite(manifest string) string {
	for name := range i.refs {
		manifest = strings.ReplaceAll(manifest, "image: "+name+":dev\n", "image: "+i.ref(name)+"\n")
	}
	return manifest
}
