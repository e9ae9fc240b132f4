package sandbox

import (
	"bytes"
	"os"
	"strconv"
)

// processID names a process for good: numbers are used again, start times are not.
type processID struct {
	pid   int
	start uint64
	state byte
}

// descendants lists the processes below root, zombies included, root not.
func descendants(root int) []processID {
	if tree, ok := descendantsByChildren(root); ok {
		return tree
	}
	return descendantsByScan(root)
}

// descendantsByChildren walks /proc/PID/task/TID/children, which not every kernel has.
func descendantsByChildren(root int) ([]processID, bool) {
	var tree []processID
	queue := []int{root}
	for len(queue) > 0 {
		pid := queue[0]
		queue = queue[1:]
		dir := "/proc/" + strconv.Itoa(pid) + "/task"
		tasks, err := os.ReadDir(dir)
		if err != nil {
			continue // ended meanwhile
		}
		for _, task := range tasks {
			data, err := os.ReadFile(dir + "/" + task.Name() + "/children")
			if err != nil {
				if pid == root {
					return nil, false
				}
				continue
			}
			for _, field := range bytes.Fields(data) {
				child, err := strconv.Atoi(string(field))
				if err != nil {
					continue
				}
				if id, _, ok := processStat(child); ok {
					tree = append(tree, id)
					queue = append(queue, child)
				}
			}
		}
	}
	return tree, true
}

// descendantsByScan looks at every process's parent.
func descendantsByScan(root int) []processID {
	children := map[int][]processID{}
	for _, pid := range allProcesses() {
		if id, parent, ok := processStat(pid); ok {
			children[parent] = append(children[parent], id)
		}
	}
	var tree []processID
	queue := []int{root}
	seen := map[int]bool{root: true}
	for len(queue) > 0 {
		for _, child := range children[queue[0]] {
			if !seen[child.pid] {
				seen[child.pid] = true
				tree = append(tree, child)
				queue = append(queue, child.pid)
			}
		}
		queue = queue[1:]
	}
	return tree
}

// allProcesses lists the numbers in /proc.
func allProcesses() []int {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer func() { _ = dir.Close() }()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil
	}
	var pids []int
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// processStat reads state, parent and start time of a process (proc(5)).
func processStat(pid int) (id processID, parent int, ok bool) {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return processID{}, 0, false
	}
	// The name stands in parentheses and may hold anything, also parentheses.
	end := bytes.LastIndexByte(data, ')')
	if end < 0 {
		return processID{}, 0, false
	}
	fields := bytes.Fields(data[end+1:])
	if len(fields) < 20 {
		return processID{}, 0, false
	}
	parent, err = strconv.Atoi(string(fields[1]))
	if err != nil {
		return processID{}, 0, false
	}
	start, err := strconv.ParseUint(string(fields[19]), 10, 64)
	if err != nil {
		return processID{}, 0, false
	}
	return processID{pid: pid, start: start, state: fields[0][0]}, parent, true
}

// same tells whether the process is still there, and not another one under its number.
func (p processID) same() bool {
	now, _, ok := processStat(p.pid)
	return ok && now.start == p.start && now.state != 'Z' && now.state != 'X'
}

// living leaves zombies out: they wait for their parent, nothing can end them more.
func living(tree []processID) []processID {
	return filterProcesses(tree, func(p processID) bool { return p.state != 'Z' && p.state != 'X' })
}

// running leaves out what can't act on a signal now: stopped and traced processes too.
func running(tree []processID) []processID {
	return filterProcesses(living(tree), func(p processID) bool { return p.state != 'T' && p.state != 't' })
}

func filterProcesses(tree []processID, keep func(processID) bool) []processID {
	var kept []processID
	for _, p := range tree {
		if keep(p) {
			kept = append(kept, p)
		}
	}
	return kept
}

// processNow names the process of a number that runs now.
func processNow(pid int) (processID, bool) {
	id, _, ok := processStat(pid)
	return id, ok && id.state != 'Z' && id.state != 'X'
}
