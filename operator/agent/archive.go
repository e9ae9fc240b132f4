package agent

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kubetunnel/kubetunnel/engine/tunnel"
)

// dataLink is what the kubelet swaps when it updates a volume: its target is the version.
const dataLink = "..data"

// content is what is below a mount; without the archive when it still is the version
// that is known.
func (t *twin) content(path, known string) (*tunnel.MountContent, error) {
	if !slices.ContainsFunc(t.mounts, func(m tunnel.Mount) bool { return m.Path == path }) {
		return nil, fmt.Errorf("%s is no mount of the app's container", path)
	}
	version, linked := linkedVersion(path)
	if linked && version == known {
		return &tunnel.MountContent{Version: known}, nil
	}
	archive, err := archiveOf(path)
	if err != nil {
		return nil, err
	}
	if !linked {
		sum := sha256.Sum256(archive)
		version = hex.EncodeToString(sum[:])
	}
	if version == known {
		archive = nil
	}
	return &tunnel.MountContent{Version: version, Archive: archive}, nil
}

func linkedVersion(path string) (version string, linked bool) {
	target, err := os.Readlink(filepath.Join(path, dataLink))
	return target, err == nil
}

// archiveOf makes a tar of a folder or file.
func archiveOf(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return archiveFile(path, info)
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = root.Close() }()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	err = fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrPermission) && name != "." {
			return fs.SkipDir // the app can't look into it either
		}
		if err != nil || name == "." {
			return err
		}
		if err := addEntry(w, root, name, d); err != nil {
			return err
		}
		if b.Len() > tunnel.MaxMount {
			return tooLarge(path)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func addEntry(w *tar.Writer, root *os.Root, name string, d fs.DirEntry) error {
	info, err := d.Info()
	if err != nil {
		return err
	}
	link := ""
	switch {
	case info.Mode().Type() == fs.ModeSymlink:
		if link, err = root.Readlink(name); err != nil {
			return err
		}
	case info.Mode().IsRegular() && info.Size() > tunnel.MaxMount:
		return tooLarge(filepath.Join(root.Name(), name))
	case !info.IsDir() && !info.Mode().IsRegular():
		return nil // sockets and devices are their container's own
	}
	header, err := tar.FileInfoHeader(info, link)
	if err != nil {
		return err
	}
	header.Name = strings.TrimSuffix(name, "/")
	if !info.Mode().IsRegular() {
		return w.WriteHeader(header)
	}
	f, err := root.Open(name)
	if errors.Is(err, fs.ErrPermission) {
		// The app can't read it either.
		header.Size, header.PAXRecords = 0, map[string]string{tunnel.PAXUnreadable: "1"}
		return w.WriteHeader(header)
	}
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	if err := w.WriteHeader(header); err != nil {
		return err
	}
	_, err = io.CopyN(w, f, info.Size())
	return err
}

func archiveFile(path string, info fs.FileInfo) ([]byte, error) {
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is neither a folder nor a regular file", path)
	}
	if info.Size() > tunnel.MaxMount {
		return nil, tooLarge(path)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	header, err := tar.FileInfoHeader(info, "")
	if err != nil {
		return nil, err
	}
	header.Name, header.Size = tunnel.MountFile, int64(len(data))
	if err := w.WriteHeader(header); err != nil {
		return nil, err
	}
	if _, err := w.Write(data); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// tooLarge refuses a mount, and tells how much there is in all.
func tooLarge(path string) error {
	var size int64
	_ = filepath.WalkDir(path, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil //nolint:nilerr // what can't be read is not counted
		}
		if info, err := d.Info(); err == nil {
			size += info.Size()
		}
		return nil
	})
	return fmt.Errorf("%s holds %.1f MiB, more than the %d MiB that are carried", path, float64(size)/(1<<20), tunnel.MaxMount>>20)
}
