package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"unicode/utf8"
)

// fileVerbs ask about files and folders.
var fileVerbs = map[string]func([]string) (string, error){
	"ls":     func(a []string) (string, error) { return list(a[0]) },
	"mode":   func(a []string) (string, error) { return mode(a[0]) },
	"modes":  func(a []string) (string, error) { return modes(a[0]) },
	"owner":  func(a []string) (string, error) { return owner(a[0]) },
	"read":   func(a []string) (string, error) { return read(a[0]) },
	"write":  func(a []string) (string, error) { return write(a[0]) },
	"create": func(a []string) (string, error) { return create(a[0]) },
	"remove": func(a []string) (string, error) { return remove(a[0]) },
	"space":  func(a []string) (string, error) { return space(a[0]) },
	"place":  func(a []string) (string, error) { return place(a[0]) },
	"newown": func(a []string) (string, error) { return newOwner(a[0]) },
	"rename": func(a []string) (string, error) { return rename(a[0], a[1]) },
	"shared": func(a []string) (string, error) { return shared(a[0], a[1]) },
}

// list names what is in a folder, with what it is and where links lead.
func list(path string) (string, error) {
	entries, err := os.ReadDir(path)
	if err != nil {
		return "", err
	}
	var lines []string
	for _, e := range entries {
		name := e.Name()
		switch {
		case e.Type()&fs.ModeSymlink != 0:
			to, err := os.Readlink(filepath.Join(path, name))
			if err != nil {
				return "", err
			}
			name += " -> " + to
		case e.IsDir():
			name += "/"
		}
		lines = append(lines, name)
	}
	return sorted(lines), nil
}

func mode(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	return info.Mode().String(), nil
}

// modes are those of all that is below a folder.
func modes(path string) (string, error) {
	var lines []string
	err := filepath.WalkDir(path, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil {
			lines = append(lines, info.Mode().String()+" "+strings.TrimPrefix(name, path))
		}
		return err
	})
	return sorted(lines), err
}

func owner(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return "not known", nil
	}
	return fmt.Sprintf("%d:%d", s.Uid, s.Gid), nil
}

// maxRead is how much of a file is told; of a longer one it is the hash.
const maxRead = 2000

func read(path string) (string, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	if len(content) > maxRead || !utf8.Valid(content) {
		sum := sha256.Sum256(content)
		return fmt.Sprintf("%d bytes, sha256 %s", len(content), hex.EncodeToString(sum[:8])), nil
	}
	return string(content), nil
}

// write tells whether a file could be written; it changes nothing.
func write(path string) (string, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return "", err
	}
	return "can be written", f.Close()
}

// create makes a file in a folder, reads it, and removes it.
func create(folder string) (string, error) {
	path := filepath.Join(folder, "kubetunnel-parity")
	if err := os.WriteFile(path, []byte("made"), 0o640); err != nil {
		return "", err
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	text, err := mode(path)
	if err != nil {
		return "", err
	}
	return string(content) + " " + text, os.Remove(path)
}

// shared tells whether a file made in one folder is seen in another one.
func shared(folder, other string) (string, error) {
	const name = "kubetunnel-parity-shared"
	path := filepath.Join(folder, name)
	if err := os.WriteFile(path, []byte("made"), 0o640); err != nil {
		return "", err
	}
	content, err := os.ReadFile(filepath.Join(other, name))
	return string(content), errors.Join(err, os.Remove(path))
}

// remove tries to remove what can't be.
func remove(path string) (string, error) {
	if err := os.Remove(path); err != nil {
		return "", err
	}
	return "removed", nil
}

// space tells what kind of file system a folder is on.
func space(path string) (string, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(path, &s); err != nil {
		return "", err
	}
	const tmpfs, readOnly = 0x01021994, 1
	kind := "on disk"
	if s.Type == tmpfs {
		kind = "in memory"
	}
	if s.Flags&readOnly != 0 {
		kind += ", read-only"
	}
	return kind, nil
}
