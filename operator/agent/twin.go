package agent

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/kubetunnel/kubetunnel/engine/tunnel"
)

const (
	twinFirstPause = 10 * time.Millisecond
	// twinLastPause is how soon a restarted agent has its twin again, at most.
	twinLastPause = 500 * time.Millisecond
)

// Twin runs in the app's own image: it answers the agent's questions about its
// container until ctx ends, and connects again whenever the agent has gone.
func Twin(ctx context.Context, socket string) {
	rest := twinFirstPause
	for ctx.Err() == nil {
		if answered := answerAgent(ctx, socket); answered {
			rest = twinFirstPause
		}
		pause(ctx, rest)
		rest = min(2*rest, twinLastPause)
	}
}

// answerAgent answers one agent until the connection ends.
func answerAgent(ctx context.Context, socket string) (answered bool) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", socket)
	if err != nil {
		return false // not there yet, or restarting
	}
	defer func() { _ = conn.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		if err := json.NewEncoder(conn).Encode(answerTo(lines.Bytes())); err != nil {
			return answered
		}
		answered = true
	}
	return answered
}

func answerTo(line []byte) twinAnswer {
	var q twinRequest
	if err := json.Unmarshal(line, &q); err != nil {
		return twinAnswer{Error: err.Error()}
	}
	if q.Op == opEnv {
		return twinAnswer{Env: ownEnvironment()}
	}
	return twinAnswer{Error: fmt.Sprintf("this twin does not know %q", q.Op)}
}

// ownEnvironment is the container as this process sees it. What can't be had
// (a working folder that is not readable, no resolv.conf) is left out.
func ownEnvironment() *tunnel.Environment {
	e := &tunnel.Environment{Env: os.Environ(), UID: os.Getuid(), GID: os.Getgid(), PodIPs: podIPs()}
	e.Hostname, _ = os.Hostname()
	e.Workdir, _ = os.Getwd()
	if content, err := os.ReadFile("/etc/resolv.conf"); err == nil {
		e.ResolvConf = string(content)
	}
	return e
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
