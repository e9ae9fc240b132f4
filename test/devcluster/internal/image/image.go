// Package image builds container images from local files, without a registry or an
// engine: one layer on nothing, for one platform or several, as an OCI archive
// (image-spec, "OCI Image Layout", in a tarball). The same input gives the same bytes.
package image

import (
	"bytes"
	"fmt"
	"io"
	"runtime"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// archWord stands for the processor in the source of a file: "bin/{arch}/prog:/prog".
const archWord = "{arch}"

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
	// may run them and 0644 if not. {arch} in SRC is the platform's processor.
	Files []string
	// Archs are the processors for which there is an image, "amd64" and "arm64"; none
	// means this machine's.
	Archs []string
}

// Write builds the image and writes it to an archive at out.
func Write(spec Spec, out string) error {
	ref, err := name.NewTag(spec.Ref)
	if err != nil {
		return fmt.Errorf("image reference %q: %w", spec.Ref, err)
	}
	if len(spec.Archs) == 0 {
		spec.Archs = []string{runtime.GOARCH}
	}
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, arch := range spec.Archs {
		img, err := build(spec, arch)
		if err != nil {
			return fmt.Errorf("image %s for %s: %w", spec.Ref, arch, err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add: img, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch}},
		})
	}
	if err := writeArchive(index, ref, out); err != nil {
		return fmt.Errorf("write %s: %w", out, err)
	}
	return nil
}

func build(spec Spec, arch string) (v1.Image, error) {
	var files []string
	for _, file := range spec.Files {
		files = append(files, strings.ReplaceAll(file, archWord, arch))
	}
	content, err := layerTar(files)
	if err != nil {
		return nil, err
	}
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil }
	layer, err := tarball.LayerFromOpener(open, tarball.WithMediaType(types.OCILayer))
	if err != nil {
		return nil, err
	}
	base := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	img, err := mutate.AppendLayers(base, layer)
	if err != nil {
		return nil, err
	}
	file, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	file = file.DeepCopy()
	file.Architecture, file.OS = arch, "linux"
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
