package sandbox

import (
	"golang.org/x/sys/unix"
)

// processID names a process for good: numbers are used again, start times are not.
type processID struct {
	pid   int
	start int64
	state int8
}

// The states of a process as sys/proc.h numbers them.
const (
	stateStopped = 4
	stateZombie  = 5
)

// descendants lists the processes below root, and those that share a process
// group with one of them: what a double fork has detached, setsid aside.
func descendants(root int) []processID {
	all, err := unix.SysctlKinfoProcSlice("kern.proc.all")
	if err != nil {
		return nil
	}
	in := map[int32]bool{int32(root): true}
	groups := map[int32]bool{}
	var tree []processID
	for grown := true; grown; {
		grown = false
		for i := range all {
			p := &all[i]
			pid := p.Proc.P_pid
			if in[pid] || (!in[p.Eproc.Ppid] && !groups[p.Eproc.Pgid]) {
				continue
			}
			in[pid] = true
			grown = true
			// A child leads its own group from its start.
			if p.Eproc.Pgid == pid {
				groups[pid] = true
			}
			tree = append(tree, darwinProcess(p))
		}
	}
	return tree
}

func darwinProcess(p *unix.KinfoProc) processID {
	return processID{pid: int(p.Proc.P_pid), start: p.Proc.P_starttime.Nano(), state: p.Proc.P_stat}
}

// same tells whether the process is still there, and not another one under its number.
func (p processID) same() bool {
	now, err := unix.SysctlKinfoProc("kern.proc.pid", p.pid)
	return err == nil && now.Proc.P_starttime.Nano() == p.start && now.Proc.P_stat != stateZombie
}

func living(tree []processID) []processID {
	var kept []processID
	for _, p := range tree {
		if p.state != stateZombie {
			kept = append(kept, p)
		}
	}
	return kept
}

func running(tree []processID) []processID {
	var kept []processID
	for _, p := range living(tree) {
		if p.state != stateStopped {
			kept = append(kept, p)
		}
	}
	return kept
}

// processNow names the process of a number that runs now.
func processNow(pid int) (processID, bool) {
	now, err := unix.SysctlKinfoProc("kern.proc.pid", pid)
	if err != nil || now.Proc.P_stat == stateZombie {
		return processID{}, false
	}
	return darwinProcess(now), true
}
