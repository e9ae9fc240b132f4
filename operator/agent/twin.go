package agent

import (
	"archive/tar"
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/kubetunnel/kubetunnel/engine/tunnel"
	"github.com/kubetunnel/kubetunnel/engine/watch"
)

const (
	twinFirstPause = 10 * time.Millisecond
	// twinLastPause is how soon a restarted agent has its twin again, at most.
	twinLastPause = 500 * time.Millisecond
)

// Twin runs in the app's own image: it answers the agent's questions about its
// container until ctx ends, and connects again whenever the agent has gone.
func Twin(ctx context.Context, socket string, mounts []tunnel.Mount) {
	t := twin{mounts: mounts}
	rest := twinFirstPause
	for ctx.Err() == nil {
		if answered := t.answerAgent(ctx, socket); answered {
			rest = twinFirstPause
		}
		pause(ctx, rest)
		rest = min(2*rest, twinLastPause)
	}
}

// twin is the app's container as far as the agent may ask for it.
type twin struct {
	mounts []tunnel.Mount
}

// answerAgent answers one agent until the connection ends.
func (t *twin) answerAgent(ctx context.Context, socket string) (answered bool) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", socket)
	if err != nil {
		return false // not there yet, or restarting
	}
	defer func() { _ = conn.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	var writing sync.Mutex
	say := func(a twinAnswer) error {
		writing.Lock()
		defer writing.Unlock()
		return json.NewEncoder(conn).Encode(a)
	}
	unwatch := t.watchMounts(func() { _ = say(twinAnswer{Changed: true}) }) // a lost agent is seen below
	defer unwatch()
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		if err := say(t.answerTo(lines.Bytes())); err != nil {
			return answered
		}
		answered = true
	}
	return answered
}

// watchMounts calls changed when the kubelet has exchanged a volume's version. Where
// files can't be watched, the agent asks now and then.
func (t *twin) watchMounts(changed func()) (stop func()) {
	var links []string
	for _, m := range t.mounts {
		if m.Volume == tunnel.VolumeUpdated {
			links = append(links, filepath.Join(m.Path, dataLink))
		}
	}
	if len(links) == 0 {
		return func() {}
	}
	stop, err := watch.Files(links, changed)
	if err != nil {
		fmt.Fprintln(os.Stderr, "twin:", err)
		return func() {}
	}
	return stop
}

func (t *twin) answerTo(line []byte) twinAnswer {
	var q twinRequest
	if err := json.Unmarshal(line, &q); err != nil {
		return twinAnswer{Error: err.Error()}
	}
	switch q.Op {
	case opEnv:
		return twinAnswer{Env: t.environment()}
	case opMount:
		content, err := t.content(q.Path, q.Unless)
		if err != nil {
			return twinAnswer{Error: err.Error()}
		}
		return twinAnswer{Content: content}
	}
	return twinAnswer{Error: fmt.Sprintf("this twin does not know %q", q.Op)}
}

// ours are the variables that the kubelet makes for the operator's own Services.
var ours = regexp.MustCompile(`^KT_[0-9A-F]{10}_ORIGIN_(SERVICE|PORT)[_=]`)

// environment is the container as this process sees it. What can't be had
// (a working folder that is not readable, no resolv.conf) is left out.
func (t *twin) environment() *tunnel.Environment {
	e := &tunnel.Environment{Env: slices.DeleteFunc(os.Environ(), ours.MatchString), UID: os.Getuid(), GID: os.Getgid(), PodIPs: podIPs()}
	e.Hostname, _ = os.Hostname()
	e.Workdir, _ = os.Getwd()
	if content, err := os.ReadFile("/etc/resolv.conf"); err == nil {
		e.ResolvConf = string(content)
	}
	if content, err := os.ReadFile("/etc/hosts"); err == nil {
		e.Hosts = string(content)
	}
	for _, m := range t.mounts {
		m.SubPath, m.SubPathExpr = m.SubPath+expand(m.SubPathExpr), ""
		if info, err := os.Stat(m.Path); err == nil {
			m.File = !info.IsDir()
			if h, err := tar.FileInfoHeader(info, ""); err == nil {
				m.Mode, m.UID, m.GID = h.Mode, h.Uid, h.Gid
			}
		}
		e.Mounts = append(e.Mounts, m)
	}
	return e
}

// references are $(NAME), and $$ for a $, as the kubelet reads them.
var references = regexp.MustCompile(`\$\$|\$\([^)]*\)`)

// expand puts this container's variables into a subPathExpr; those that are not set
// stay as they are.
func expand(text string) string {
	return references.ReplaceAllStringFunc(text, func(reference string) string {
		if reference == "$$" {
			return "$"
		}
		if value, set := os.LookupEnv(reference[2 : len(reference)-1]); set {
			return value
		}
		return reference
	})
}

func podIPs() (ips []string) {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	for _, a := range addrs {
		if ip, ok := a.(*net.IPNet); ok && ip.IP.IsGlobalUnicast() {
			ips = append(ips, ip.IP.String())
		}
	}
	return ips
}
