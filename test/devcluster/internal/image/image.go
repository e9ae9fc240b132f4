// Package image builds container images from local files, without a registry or
// an engine: one layer on nothing. The same input gives the same bytes.
package image

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// Spec says what an image is made of.
type Spec struct {
	// Ref is the image's name, with a tag.
	Ref        string
	User       string
	WorkDir    string
	Env        []string
	Entrypoint []string
	// Expose are ports such as "8080" or "53/udp".
	Expose []string
	// Files are "SRC:DST" or "SRC:DST:MODE". A file gets the octal mode, or 0755. A
	// folder comes with all that is in it: files get the mode, or 0755 if the owner
	// may run them and 0644 if not.
	Files []string
}

// Write builds the image and writes it to a tarball at out.
func Write(spec Spec, out string) error {
	ref, err := name.NewTag(spec.Ref)
	if err != nil {
		return fmt.Errorf("image reference %q: %w", spec.Ref, err)
	}
	img, err := build(spec)
	if err != nil {
		return fmt.Errorf("image %s: %w", spec.Ref, err)
	}
	partial := out + ".partial"
	if err := tarball.WriteToFile(partial, ref, img); err != nil {
		return fmt.Errorf("write %s: %w", out, err)
	}
	return os.Rename(partial, out)
}

func build(spec Spec) (v1.Image, error) {
	content, err := layerTar(spec.Files)
	if err != nil {
		return nil, err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil })
	if err != nil {
		return nil, err
	}
	img, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		return nil, err
	}
	file, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	file = file.DeepCopy()
	file.Architecture, file.OS = runtime.GOARCH, "linux"
	file.Config = v1.Config{User: spec.User, WorkingDir: spec.WorkDir, Env: spec.Env, Entrypoint: spec.Entrypoint, ExposedPorts: ports(spec.Expose)}
	return mutate.ConfigFile(img, file)
}

func ports(expose []string) map[string]struct{} {
	if len(expose) == 0 {
		return nil
	}
	set := map[string]struct{}{}
	for _, port := range expose {
		if !strings.Contains(port, "/") {
			port += "/tcp"
		}
		set[port] = struct{}{}
	}
	return set
}
