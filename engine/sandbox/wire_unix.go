//go:build unix

package sandbox

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"syscall"
)

// What tunnel-server and its inner init say to each other: JSON messages with a
// four-byte length, and the descriptors of a process to start beside the length.

// maxWireMessage bounds a message; a command's arguments and environment are the
// largest, and the kernel takes a few megabytes at most.
const maxWireMessage = 16 << 20

// maxWireFiles is what one message can carry (SCM_MAX_FD of Linux).
const maxWireFiles = 253

// initOp is what an init is asked to do.
type initOp string

const (
	opStart    initOp = "start"
	opSignal   initOp = "signal"
	opEnd      initOp = "end"
	opShutdown initOp = "shutdown"
	// opSetup makes the network's link, opBecome the pod's addresses, names and files;
	// opConnect connects to a loopback address inside.
	opSetup   initOp = "setup"
	opBecome  initOp = "become"
	opConnect initOp = "connect"
)

type initRequest struct {
	ID uint64 `json:"id"`
	Op initOp `json:"op"`
	// Path is the program's file; without it the init looks for Args[0] itself.
	Path octets   `json:"path,omitempty"`
	Args []octets `json:"args,omitempty"`
	Dir  octets   `json:"dir,omitempty"`
	Env  []octets `json:"env,omitempty"`
	// Outside: a client of a sandbox wants the workstation's side.
	Outside bool `json:"outside,omitempty"`
	// Debuggee: it wants the environment of a debuggee, made from its own.
	Debuggee bool `json:"debuggee,omitempty"`
	// Keep are names of variables that stay as its own.
	Keep []string `json:"keep,omitempty"`
	// Terminal: the process leads the terminal that its standard input is.
	Terminal bool `json:"terminal,omitempty"`
	// Files counts the descriptors that come with the message.
	Files  int `json:"files,omitempty"`
	PID    int `json:"pid,omitempty"`
	Signal int `json:"signal,omitempty"`
	// GraceMillis is how long processes may take to end by themselves after SIGTERM.
	GraceMillis int64      `json:"graceMillis,omitempty"`
	Setup       *initSetup `json:"setup,omitempty"`
	Pod         *initPod   `json:"pod,omitempty"`
	// Address is where opConnect connects to.
	Address netip.AddrPort `json:"address,omitzero"`
}

// initSetup is what an init is to make of its namespaces at first.
type initSetup struct {
	// Proc: with a PID namespace /proc is mounted anew.
	Proc bool `json:"proc"`
	// NoTUN makes a veth pair even where a TUN device could be had.
	NoTUN bool `json:"noTUN,omitempty"`
	// NoIPv6 turns IPv6 off, as on machines whose kernel has none.
	NoIPv6 bool `json:"noIPv6,omitempty"`
	// Memory is an empty folder on which a file system in memory is to be mounted, if any.
	Memory octets `json:"memory,omitempty"`
}

// initPod is what it is to make of them when the pod is known.
type initPod struct {
	Hostname  string       `json:"hostname"`
	Addresses []netip.Addr `json:"addresses"`
	// Stage is an empty folder for the init to mount on.
	Stage  octets      `json:"stage"`
	Mounts []initMount `json:"mounts"`
	// Hide are folders whose content is not to be seen.
	Hide []octets `json:"hide"`
}

// initMount is a Mount on its way to the init.
type initMount struct {
	Path     octets `json:"path"`
	Source   octets `json:"source"`
	ReadOnly bool   `json:"readOnly,omitempty"`
}

// octets is text of any bytes: names of files need not be UTF-8, JSON's strings are.
type octets []byte

func toOctets(list []string) []octets {
	out := make([]octets, len(list))
	for i, s := range list {
		out[i] = octets(s)
	}
	return out
}

func fromOctets(list []octets) []string {
	out := make([]string, len(list))
	for i, o := range list {
		out[i] = string(o)
	}
	return out
}

// initReply answers a request (ID) or, with Exited, tells the end of a process.
type initReply struct {
	ID    uint64 `json:"id,omitempty"`
	PID   int    `json:"pid,omitempty"`
	Errno int    `json:"errno,omitempty"`
	Error string `json:"error,omitempty"`
	// NotFound: there is no such program.
	NotFound bool `json:"notFound,omitempty"`
	// Step is what opSetup or opBecome failed at, Device what the link is, IPv6 whether it takes IPv6 addresses.
	Step   string `json:"step,omitempty"`
	Device string `json:"device,omitempty"`
	IPv6   bool   `json:"ipv6,omitempty"`
	Exited bool   `json:"exited,omitempty"`
	// Status is the exit code, 128 and the signal's number when a signal ended it.
	Status int `json:"status,omitempty"`
	// Changed: some process of the tree ended, not one that was started here.
	Changed bool `json:"changed,omitempty"`

	// files came with the reply.
	files []*os.File
}

// writeWire sends one message with descriptors. Callers take turns.
func writeWire(conn *net.UnixConn, message any, files []int) error {
	if len(files) > maxWireFiles {
		return fmt.Errorf("%d files can't be passed on, at most %d", len(files), maxWireFiles)
	}
	body, err := json.Marshal(message)
	if err != nil {
		return err
	}
	if len(body) > maxWireMessage {
		return fmt.Errorf("arguments and environment of %d bytes are too long: %w", len(body), syscall.E2BIG)
	}
	var head [4]byte
	binary.BigEndian.PutUint32(head[:], uint32(len(body)))
	var rights []byte
	if len(files) > 0 {
		rights = syscall.UnixRights(files...)
	}
	n, _, err := conn.WriteMsgUnix(head[:], rights, nil)
	if err != nil {
		return err
	}
	if n < len(head) {
		if _, err := conn.Write(head[n:]); err != nil {
			return err
		}
	}
	_, err = conn.Write(body)
	return err
}

// readWire receives one message; the descriptors are the caller's to close.
func readWire(conn *net.UnixConn, message any) ([]*os.File, error) {
	var head [4]byte
	var files []*os.File
	oob := make([]byte, syscall.CmsgSpace(maxWireFiles*4))
	for got := 0; got < len(head); {
		n, oobn, _, _, err := conn.ReadMsgUnix(head[got:], oob)
		if oobn > 0 {
			files = append(files, receivedFiles(oob[:oobn])...)
		}
		if err != nil || n == 0 {
			closeAll(files)
			if err == nil || errors.Is(err, io.EOF) {
				return nil, io.EOF
			}
			return nil, err
		}
		got += n
	}
	length := binary.BigEndian.Uint32(head[:])
	if length > maxWireMessage {
		closeAll(files)
		return nil, fmt.Errorf("message of %d bytes is too long", length)
	}
	body := make([]byte, length)
	if _, err := io.ReadFull(conn, body); err != nil {
		closeAll(files)
		return nil, err
	}
	if err := json.Unmarshal(body, message); err != nil {
		closeAll(files)
		return nil, err
	}
	return files, nil
}

// receivedFiles takes the descriptors out of a control message.
func receivedFiles(oob []byte) []*os.File {
	messages, err := syscall.ParseSocketControlMessage(oob)
	if err != nil {
		return nil
	}
	var files []*os.File
	for i := range messages {
		fds, err := syscall.ParseUnixRights(&messages[i])
		if err != nil {
			continue
		}
		for _, fd := range fds {
			syscall.CloseOnExec(fd)
			files = append(files, os.NewFile(uintptr(fd), "passed"))
		}
	}
	return files
}

func closeAll(files []*os.File) {
	for _, f := range files {
		_ = f.Close()
	}
}
