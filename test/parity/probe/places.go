package main

import (
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// place tells what can be done in a folder: run a program, listen on a socket, lock a
// file, link it, and make it longer.
func place(folder string) (string, error) {
	dir, err := os.MkdirTemp(folder, "kubetunnel-parity-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	var told []string
	for _, try := range []struct {
		what string
		do   func(dir string) error
	}{{"run", runThere}, {"listen", listenThere}, {"lock", lockThere}, {"link", linkThere}, {"fifo", fifoThere}} {
		result := "yes"
		if err := try.do(dir); err != nil {
			result = nameOf(err)
		}
		told = append(told, try.what+" "+result)
	}
	return strings.Join(told, ", "), nil
}

// runThere runs a copy of this program.
func runThere(dir string) error {
	from, err := os.Open("/proc/self/exe")
	if err != nil {
		return err
	}
	defer func() { _ = from.Close() }()
	path := filepath.Join(dir, "program")
	to, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o700)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, from)
	if err := errors.Join(err, to.Close()); err != nil {
		return err
	}
	return exec.Command(path).Run()
}

func listenThere(dir string) error {
	l, err := net.Listen("unix", filepath.Join(dir, "socket"))
	if err != nil {
		return err
	}
	defer func() { _ = l.Close() }()
	conn, err := net.Dial("unix", l.Addr().String())
	if err != nil {
		return err
	}
	return conn.Close()
}

func lockThere(dir string) error {
	f, err := os.Create(filepath.Join(dir, "locked"))
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	return errors.Join(syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB), f.Truncate(100_000), f.Sync())
}

func linkThere(dir string) error {
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		return err
	}
	return errors.Join(os.Link(filepath.Join(dir, "file"), filepath.Join(dir, "hard")), os.Symlink("file", filepath.Join(dir, "soft")))
}

func fifoThere(dir string) error { return syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o600) }

// newOwner tells whose a new file in a folder is.
func newOwner(folder string) (string, error) {
	path := filepath.Join(folder, "kubetunnel-parity-owner")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		return "", err
	}
	text, err := owner(path)
	return text, errors.Join(err, os.Remove(path))
}

// rename moves a file from one mount to another one.
func rename(from, to string) (string, error) {
	old, moved := filepath.Join(from, "kubetunnel-parity-old"), filepath.Join(to, "kubetunnel-parity-new")
	if err := os.WriteFile(old, nil, 0o600); err != nil {
		return "", err
	}
	if err := os.Rename(old, moved); err != nil {
		return "", errors.Join(err, os.Remove(old))
	}
	return "moved", os.Remove(moved)
}
