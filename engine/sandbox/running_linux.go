package sandbox

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// lookAtProcess reads a process's numbers and its program's name (proc(5)).
func lookAtProcess(pid int) (Running, bool) {
	folder := "/proc/" + strconv.Itoa(pid)
	status, err := os.ReadFile(folder + "/status")
	if err != nil {
		return Running{}, false
	}
	p := Running{PID: pid, Outside: pid}
	for line := range strings.Lines(string(status)) {
		switch name, value, _ := strings.Cut(strings.TrimSpace(line), ":"); name {
		case "Name":
			p.Name = strings.TrimSpace(value) // cut off after 15 characters
		case "NSpid":
			// From the outermost namespace that this process sees to the process's own.
			numbers := strings.Fields(value)
			if n, err := strconv.Atoi(numbers[len(numbers)-1]); err == nil {
				p.PID = n
			}
		}
	}
	if program, err := os.Readlink(folder + "/exe"); err == nil {
		p.Name = filepath.Base(strings.TrimSuffix(program, " (deleted)"))
	}
	if line, err := os.ReadFile(folder + "/cmdline"); err == nil {
		p.Also = otherNames(strings.Split(strings.TrimSuffix(string(line), "\x00"), "\x00"))
	}
	return p, true
}

// otherNames are those that a command line has for its program.
func otherNames(args []string) []string {
	names := []string{filepath.Base(args[0])}
	for _, arg := range args[1:] {
		if !strings.HasPrefix(arg, "-") {
			return append(names, filepath.Base(arg))
		}
	}
	return names
}
