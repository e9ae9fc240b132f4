package cluster

import (
	"context"
	"fmt"
	"os"
	"os/exec"
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

// loadExisting gives an existing cluster the images by the command that its owner
// names, such as "kind load image-archive". Without one they are there, or in a registry.
func (c *Cluster) loadExisting(ctx context.Context, say func(string)) error {
	loader := strings.Fields(os.Getenv("KUBETUNNEL_TEST_LOAD"))
	if len(loader) == 0 {
		return nil
	}
	for _, path := range c.images.tarballs {
		cmd := exec.CommandContext(ctx, loader[0], append(loader[1:len(loader):len(loader)], path)...)
		out := Lines(say)
		cmd.Stdout, cmd.Stderr = out, out
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("%s %s: %w", strings.Join(loader, " "), path, err)
		}
	}
	return nil
}
