package main

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
)

// processVerbs ask what a process knows of itself.
var processVerbs = map[string]func([]string) (string, error){
	"env":      func(a []string) (string, error) { return environment(a[0]), nil },
	"environ":  func([]string) (string, error) { return environNames(), nil },
	"hostname": func([]string) (string, error) { return os.Hostname() },
	"user":     func([]string) (string, error) { return fmt.Sprintf("uid %d gid %d", os.Getuid(), os.Getgid()), nil },
	"groups":   func([]string) (string, error) { return groups() },
	"cwd":      func([]string) (string, error) { return os.Getwd() },
	"status":   func(a []string) (string, error) { return status(a[0]) },
	"umask":    func([]string) (string, error) { return umask(), nil },
	"uname":    func([]string) (string, error) { return uname() },
	"memory":   func([]string) (string, error) { return memoryLimit(), nil },
	"others":   func([]string) (string, error) { return otherProcesses() },
}

func environment(name string) string {
	value, set := os.LookupEnv(name)
	if !set {
		return "not set"
	}
	return value
}

func environNames() string {
	var names []string
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		names = append(names, name)
	}
	return sorted(names)
}

func groups() (string, error) {
	ids, err := os.Getgroups()
	if err != nil {
		return "", err
	}
	slices.Sort(ids)
	return fmt.Sprint(slices.Compact(ids)), nil
}

// status is a field of /proc/self/status.
func status(field string) (string, error) {
	content, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(content)) {
		if name, value, ok := strings.Cut(line, ":"); ok && name == field {
			return strings.TrimSpace(value), nil
		}
	}
	return "no such field", nil
}

func umask() string {
	old := syscall.Umask(0)
	syscall.Umask(old)
	return fmt.Sprintf("%04o", old)
}

// uname is the nodename and domain of the kernel, which is not always the host name.
func uname() (string, error) {
	var u syscall.Utsname
	if err := syscall.Uname(&u); err != nil {
		return "", err
	}
	text := func(field [65]int8) string {
		var b []byte
		for _, c := range field {
			b = append(b, byte(c))
		}
		name, _, _ := bytes.Cut(b, []byte{0})
		return string(name)
	}
	return text(u.Nodename) + " " + text(u.Domainname), nil
}

// memoryLimit is what runtimes go by, of either version of cgroups.
func memoryLimit() string {
	for _, path := range []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"} {
		if text, err := read(path); err == nil {
			return text
		}
	}
	return "none"
}

// otherProcesses tells whether there are processes of a machine: kernel threads and
// an init that is not the pod's.
func otherProcesses() (string, error) {
	content, err := os.ReadFile("/proc/2/comm")
	if err == nil && strings.TrimSpace(string(content)) == "kthreadd" {
		return "the machine's processes are seen", nil
	}
	return "a few of its own", nil
}
