package image

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
)

// entry is one file, folder or symbolic link of an image.
type entry struct {
	src, dst string
	kind     byte
	mode     int64
	target   string
}

// argument is one SRC:DST[:MODE].
type argument struct {
	src, dst string
	mode     int64 // 0: not said
}

func parseFile(arg string) (argument, error) {
	parts := strings.Split(arg, ":")
	if len(parts) < 2 || len(parts) > 3 || parts[0] == "" || !path.IsAbs(parts[1]) || path.Clean(parts[1]) == "/" {
		return argument{}, fmt.Errorf("file %q: want SRC:/DST[:MODE]", arg)
	}
	a := argument{src: parts[0], dst: path.Clean(parts[1])}
	if len(parts) == 3 {
		mode, err := strconv.ParseInt(parts[2], 8, 32)
		if err != nil || mode <= 0 || mode > 0o7777 {
			return argument{}, fmt.Errorf("file %q: mode %q: want it octal, such as 0644", arg, parts[2])
		}
		a.mode = mode
	}
	return a, nil
}

// entries are what an argument puts into an image.
func (a argument) entries() ([]entry, error) {
	info, err := os.Stat(a.src)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		mode := a.mode
		if mode == 0 {
			mode = 0o755
		}
		return []entry{{src: a.src, dst: a.dst, kind: tar.TypeReg, mode: mode}}, nil
	}
	var all []entry
	// The trailing slash follows a link to the folder itself.
	err = filepath.WalkDir(a.src+"/", func(src string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(a.src, src)
		if err != nil {
			return err
		}
		e, err := a.inTree(src, path.Join(a.dst, filepath.ToSlash(rel)), d)
		if err == nil {
			all = append(all, e)
		}
		return err
	})
	return all, err
}

func (a argument) inTree(src, dst string, d fs.DirEntry) (entry, error) {
	info, err := d.Info()
	if err != nil {
		return entry{}, err
	}
	switch {
	case info.IsDir():
		return entry{dst: dst, kind: tar.TypeDir, mode: 0o755}, nil
	case info.Mode()&fs.ModeSymlink != 0:
		target, err := os.Readlink(src)
		return entry{dst: dst, kind: tar.TypeSymlink, mode: 0o777, target: target}, err
	case !info.Mode().IsRegular():
		return entry{}, fmt.Errorf("%s: neither a file, a folder nor a link", src)
	}
	mode := a.mode
	if mode == 0 {
		mode = 0o644 | int64(info.Mode().Perm()&0o100)/0o100*0o111
	}
	return entry{src: src, dst: dst, kind: tar.TypeReg, mode: mode}, nil
}

// layerTar lays the files out in the order of their names, owned by root, without times.
func layerTar(files []string) ([]byte, error) {
	all, err := collect(files)
	if err != nil {
		return nil, err
	}
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, e := range all {
		if err := e.write(w); err != nil {
			return nil, fmt.Errorf("%s: %w", e.dst, err)
		}
	}
	return buf.Bytes(), w.Close()
}

// collect gives the entries and the folders they are in, each once, sorted.
func collect(files []string) ([]entry, error) {
	known := map[string]entry{}
	for _, file := range files {
		a, err := parseFile(file)
		if err != nil {
			return nil, err
		}
		found, err := a.entries()
		if err != nil {
			return nil, err
		}
		for _, e := range found {
			if old, ok := known[e.dst]; ok && (old.kind != tar.TypeDir || e.kind != tar.TypeDir) {
				return nil, fmt.Errorf("%s is put into the image twice", e.dst)
			}
			known[e.dst] = e
		}
	}
	for _, dst := range keys(known) {
		for dir := path.Dir(dst); dir != "/"; dir = path.Dir(dir) {
			if e, ok := known[dir]; ok && e.kind != tar.TypeDir {
				return nil, fmt.Errorf("%s is put below %s, which is no folder", dst, dir)
			}
			known[dir] = entry{dst: dir, kind: tar.TypeDir, mode: 0o755}
		}
	}
	all := make([]entry, 0, len(known))
	for _, dst := range keys(known) {
		if dst != "/" {
			all = append(all, known[dst])
		}
	}
	return all, nil
}

func keys(m map[string]entry) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

func (e entry) write(w *tar.Writer) error {
	header := &tar.Header{Typeflag: e.kind, Name: strings.TrimPrefix(e.dst, "/"), Mode: e.mode, Linkname: e.target}
	if e.kind == tar.TypeDir {
		header.Name += "/"
	}
	var content []byte
	if e.kind == tar.TypeReg {
		var err error
		if content, err = os.ReadFile(e.src); err != nil {
			return err
		}
		header.Size = int64(len(content))
	}
	if err := w.WriteHeader(header); err != nil {
		return err
	}
	_, err := w.Write(content)
	return err
}
