// Package image builds container images from local files, without a registry or
// an engine: one layer on nothing. The same input gives the same bytes.
package image

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"os"
	"path"
	"sort"
	"strconv"
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
	// Expose are ports such as "8080/tcp".
	Expose []string
	// Files are "SRC:DST" or "SRC:DST:MODE" (octal; 0755 otherwise).
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
	file.Architecture, file.OS = "amd64", "linux"
	file.Config = v1.Config{User: spec.User, WorkingDir: spec.WorkDir, Env: spec.Env, Entrypoint: spec.Entrypoint}
	for _, port := range spec.Expose {
		if file.Config.ExposedPorts == nil {
			file.Config.ExposedPorts = map[string]struct{}{}
		}
		file.Config.ExposedPorts[port] = struct{}{}
	}
	return mutate.ConfigFile(img, file)
}

type entry struct {
	src, dst string
	mode     int64
}

func parseFile(arg string) (entry, error) {
	parts := strings.Split(arg, ":")
	if len(parts) < 2 || len(parts) > 3 || !path.IsAbs(parts[1]) {
		return entry{}, fmt.Errorf("file %q: want SRC:/DST[:MODE]", arg)
	}
	e := entry{src: parts[0], dst: path.Clean(parts[1]), mode: 0o755}
	if len(parts) == 3 {
		mode, err := strconv.ParseInt(parts[2], 8, 32)
		if err != nil {
			return entry{}, fmt.Errorf("file %q: mode: %w", arg, err)
		}
		e.mode = mode
	}
	return e, nil
}

// layerTar lays the files out in the order of their names, owned by root, without times.
func layerTar(files []string) ([]byte, error) {
	var entries []entry
	for _, arg := range files {
		e, err := parseFile(arg)
		if err != nil {
			return nil, err
		}
		entries = append(entries, e)
	}
	sort.Slice(entries, func(i, j int) bool { return entries[i].dst < entries[j].dst })
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	made := map[string]bool{"/": true}
	for _, e := range entries {
		if err := addParents(w, path.Dir(e.dst), made); err != nil {
			return nil, err
		}
		content, err := os.ReadFile(e.src)
		if err != nil {
			return nil, err
		}
		header := &tar.Header{Typeflag: tar.TypeReg, Name: strings.TrimPrefix(e.dst, "/"), Mode: e.mode, Size: int64(len(content))}
		if err := w.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := w.Write(content); err != nil {
			return nil, err
		}
	}
	return buf.Bytes(), w.Close()
}

func addParents(w *tar.Writer, dir string, made map[string]bool) error {
	if made[dir] {
		return nil
	}
	if err := addParents(w, path.Dir(dir), made); err != nil {
		return err
	}
	made[dir] = true
	return w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: strings.TrimPrefix(dir, "/") + "/", Mode: 0o755})
}
