package sandbox

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// The steps of a setup, as they are told when they fail.
const (
	stepMounts   = "mounting in a namespace of our own"
	stepProc     = "mounting a fresh /proc"
	stepHostname = "setting the host name"
	stepNetwork  = "making the pod's network link"
	stepFiles    = "mounting the pod's files"
	stepDrop     = "dropping capabilities"
)

// loopbackConnectTime bounds a connect inside, which the kernel answers at once
// unless the listener's queue is full.
const loopbackConnectTime = 5 * time.Second

// handleNamespaces does what only an init in namespaces can.
func (in *innerInit) handleNamespaces(m initMessage) {
	closeAll(m.files)
	reply := initReply{ID: m.request.ID}
	switch {
	case m.request.Op == opSetup && m.request.Setup != nil:
		made, err := setUp(*m.request.Setup)
		in.seen = in.seen || err == nil
		reply.Step, reply.Device, reply.IPv6 = made.step, made.device, made.ipv6
		in.answerRaw(reply, err, made.fds)
	case m.request.Op == opBecome && m.request.Pod != nil:
		var err error
		reply.Step, err = becomePod(*m.request.Pod)
		in.answer(reply, err, nil)
	case m.request.Op == opConnect:
		// It may wait; the processes need the init meanwhile.
		go func() {
			fd, err := connectInside(m.request)
			if err != nil {
				in.answer(reply, err, nil)
				return
			}
			in.answerRaw(reply, nil, []int{fd})
		}()
	default:
		in.answer(reply, unix.ENOSYS, nil)
	}
}

// answerRaw sends descriptors that must not pass through an os.File, which would
// make them blocking.
func (in *innerInit) answerRaw(reply initReply, err error, fds []int) {
	if err != nil {
		in.answer(reply, err, nil)
	} else {
		in.writing.Lock()
		_ = writeWire(in.conn, reply, fds)
		in.writing.Unlock()
	}
	for _, fd := range fds {
		_ = unix.Close(fd)
	}
}

// madeNamespaces is what a setup has made: the descriptors of the link and of a
// socket for questions about sockets, or the step that failed.
type madeNamespaces struct {
	step, device string
	ipv6         bool
	fds          []int
}

func setUp(s initSetup) (made madeNamespaces, err error) {
	made.step = stepMounts
	// The workstation's later mounts and unmounts are followed, ours stay here.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SLAVE, ""); err != nil {
		return made, fmt.Errorf("mount: %w", err)
	}
	if s.Proc {
		made.step = stepProc
		if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
			return made, fmt.Errorf("mount: %w", err)
		}
	}
	made.step = stepNetwork
	freed := freePorts()
	fd, device, err := makePodLink(s.NoTUN)
	if err != nil {
		return made, err
	}
	if s.NoIPv6 {
		setIPv6(podLinkName, disableIPv6, "1")
	}
	made.fds, made.device, made.ipv6 = append(made.fds, fd), device, takesIPv6()
	diag, err := openDiag()
	if err != nil {
		return made, err
	}
	made.fds = append(made.fds, diag)
	if memory := string(s.Memory); memory != "" {
		if fd, err := mountMemory(memory); err == nil {
			made.fds = append(made.fds, fd)
		}
	}
	showOwnDevices()
	made.step = stepDrop
	return made, dropForChildren(!freed)
}

// mountMemory mounts a file system that only this mount namespace sees, and that goes
// with it: what tunnel-server puts there by the descriptor is never on a disk. Where
// that is refused, the workstation's folder has to do.
func mountMemory(folder string) (fd int, err error) {
	if err := unix.Mount("tmpfs", folder, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=0700"); err != nil {
		return -1, err
	}
	return unix.Open(folder, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
}

func becomePod(pod initPod) (step string, err error) {
	if pod.Hostname != "" {
		if err := unix.Sethostname([]byte(pod.Hostname)); err != nil {
			return stepHostname, fmt.Errorf("sethostname: %w", err)
		}
	}
	if err := addressPodLink(pod.Addresses); err != nil {
		return stepNetwork, err
	}
	return stepFiles, mountPodFiles(pod)
}

// showOwnDevices mounts a fresh /sys, read-only as a pod's: the workstation's shows
// other links. Containers refuse that; it is left as it is there.
func showOwnDevices() {
	groups, err := os.OpenFile("/sys/fs/cgroup", unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return
	}
	defer func() { _ = groups.Close() }()
	if unix.Mount("sysfs", "/sys", "sysfs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC|unix.MS_RDONLY, "") == nil {
		_ = bind(groups, "/sys/fs/cgroup")
	}
}

// connectInside connects a socket of this network namespace.
func connectInside(request initRequest) (int, error) {
	conn, err := net.DialTimeout("tcp", request.Address.String(), loopbackConnectTime)
	if err != nil {
		return -1, err
	}
	defer func() { _ = conn.Close() }()
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return -1, errors.New("not a TCP connection")
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return -1, err
	}
	fd, failed := -1, error(nil)
	err = raw.Control(func(own uintptr) { fd, failed = unix.FcntlInt(own, unix.F_DUPFD_CLOEXEC, 0) })
	if err = errors.Join(err, failed); err != nil {
		return -1, os.NewSyscallError("dup", err)
	}
	return fd, nil
}

// cutLine is strings.Cut at a line's end.
func cutLine(s string) (line, rest string, found bool) { return strings.Cut(s, "\n") }
