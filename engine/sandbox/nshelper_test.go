//go:build linux

package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// insideHelper is a program that finds out what a pod's program would.
func insideHelper(args []string) {
	switch args[0] {
	case "dial": // ADDRESS: connects, says and hears something
		conn, err := net.DialTimeout("tcp", args[1], dialPatience(args))
		if err != nil {
			fmt.Println(errorName(err))
			return
		}
		fmt.Println(exchangeLine(conn, "hello"))
		_ = conn.Close()
	case "many": // ADDRESS COUNT: connections one after the other
		count, _ := strconv.Atoi(args[2])
		for i := range count {
			conn, err := net.DialTimeout("tcp", args[1], 10*time.Second)
			if err != nil {
				fmt.Println("connection", i, err)
				return
			}
			if got := exchangeLine(conn, "hello"); got != "hello" {
				fmt.Println("connection", i, got)
				return
			}
			_ = conn.Close()
		}
		fmt.Println("all", count)
	case "udp":
		conn, err := net.Dial("udp", args[1])
		if err != nil {
			fmt.Println(errorName(err))
			return
		}
		_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
		fmt.Println(exchangeLine(conn, args[2]))
	case "lookup":
		addresses, err := net.DefaultResolver.LookupHost(context.Background(), args[1])
		if err != nil {
			var dns *net.DNSError
			fmt.Println("error", errors.As(err, &dns) && dns.IsNotFound)
			return
		}
		fmt.Println(strings.Join(addresses, " "))
	case "links":
		links, _ := net.Interfaces()
		var names []string
		for _, l := range links {
			names = append(names, l.Name)
		}
		slices.Sort(names)
		fmt.Println(strings.Join(names, " "))
	case "hostname":
		name, _ := os.Hostname()
		fmt.Println(name)
	case "read":
		data, err := os.ReadFile(args[1])
		if err != nil {
			fmt.Println(errorName(err))
			return
		}
		fmt.Print(string(data))
	case "status": // lines of /proc/self/status
		for _, field := range args[1:] {
			fmt.Println(field, statusField(field))
		}
	case "bulk", "break", "udpsize", "measure", "throughput":
		measureHelper(args)
	case "place":
		tryPlace(args[1], args[2:])
	case "examine":
		examinePlace(args[1], args[2:])
	case "selfcall": // listens on a port and calls itself
		l, err := net.Listen("tcp", args[1])
		if err != nil {
			fmt.Println(errorName(err))
			return
		}
		go serveGreeting(l)
		conn, err := net.Dial("tcp", args[1])
		if err != nil {
			fmt.Println(errorName(err))
			return
		}
		said, _ := io.ReadAll(conn)
		fmt.Println(strings.Fields(string(said))[0])
	case "nsserver":
		serveNamespaces(args)
	case "tellsource": // listens and tells each caller its address
		network := "tcp"
		if len(args) > 2 {
			network = args[2]
		}
		l, err := net.Listen(network, args[1])
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println("ready")
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(conn, conn.RemoteAddr().String())
			_ = conn.Close()
		}
	}
}

func dialPatience(args []string) time.Duration {
	if len(args) > 2 {
		d, _ := time.ParseDuration(args[2])
		return d
	}
	return 20 * time.Second
}

func exchangeLine(conn net.Conn, line string) string {
	if _, err := io.WriteString(conn, line); err != nil {
		return errorName(err)
	}
	buffer := make([]byte, 1<<16)
	n, err := conn.Read(buffer)
	if err != nil {
		return errorName(err)
	}
	return string(buffer[:n])
}

func errorName(err error) string {
	var errno syscall.Errno
	var timeout net.Error
	switch {
	case errors.As(err, &errno):
		return errno.Error()
	case errors.As(err, &timeout) && timeout.Timeout():
		return "timeout"
	}
	return err.Error()
}

// output collects what a program writes.
type output struct {
	mu   sync.Mutex
	text strings.Builder
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// insideCommand is a helper program; its arguments must not hold blanks.
func insideCommand(stdout io.Writer, args ...string) Command {
	return Command{
		Args: []string{os.Args[0]}, Dir: "/", Stdout: stdout, Stderr: stdout,
		Env: append(os.Environ(), helperVariable+"=inside "+strings.Join(args, " ")),
	}
}

// inside runs a helper to its end and gives what it wrote.
func inside(t testing.TB, box Sandbox, args ...string) string {
	t.Helper()
	return runCommand(t, box, insideCommand(nil, args...))
}

func runCommand(t testing.TB, box Sandbox, cmd Command) string {
	t.Helper()
	out := &output{}
	cmd.Stdout, cmd.Stderr = out, out
	p, err := box.Start(context.Background(), cmd)
	if err != nil {
		t.Fatalf("%v: %v", cmd.Args, err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*testTime)
	defer cancel()
	if _, err := p.Wait(ctx); err != nil {
		t.Fatalf("%v: %v; it wrote %q", cmd.Args, err, out)
	}
	return strings.TrimSuffix(out.String(), "\n")
}

// shortDir is a folder whose path leaves room for a socket's name.
func shortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "kt")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}
