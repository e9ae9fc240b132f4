package debug

import (
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/kubetunnel/kubetunnel/protocol"
)

// debugServer is how programs of one kind are started with a debug server of their own, to
// which an editor attaches.
type debugServer struct {
	// programs are the names of what runs such programs; a version may follow: python3.11.
	programs []string
	// port is the customary one.
	port int
	// given tells whether an argument asks for the debug server already.
	given *regexp.Regexp
	// options are what to write behind the program's name, for an address. The program waits for its debugger.
	options func(address string) []string
}

// debugServers is the table of debug servers.
func debugServers() []*debugServer {
	return []*debugServer{
		{
			programs: []string{"java"}, port: 5005, given: regexp.MustCompile(`^-(agentlib:|Xrun)jdwp`),
			options: func(address string) []string {
				return []string{"-agentlib:jdwp=transport=dt_socket,server=y,suspend=y,address=" + address}
			},
		},
		{
			programs: []string{"node"}, port: 9229, given: regexp.MustCompile(`^--inspect`),
			options: func(address string) []string { return []string{"--inspect-brk=" + address} },
		},
		{
			programs: []string{"python"}, port: 5678, given: regexp.MustCompile(`^(-m)?debugpy$`),
			options: func(address string) []string {
				return []string{"-m", "debugpy", "--listen", address, "--wait-for-client"}
			},
		},
	}
}

var (
	assignment = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*=`)
	versioned  = regexp.MustCompile(`[0-9.]*(\.exe)?$`)
)

// ResolveCommand tells how a program is started with its debug server. What is not known
// to have one is left as it is, if the caller names the port.
func ResolveCommand(cmd protocol.Command) *protocol.ResolveSessionResult {
	result := &protocol.ResolveSessionResult{Kind: protocol.KindProcess}
	at := programIn(cmd.Args)
	if at < 0 {
		return refusal("the command names no program")
	}
	server := serverOf(cmd.Args[at])
	switch {
	case server == nil && len(cmd.Expose) == 0:
		return refusal("it is not known how %s is started with a debug server: write its options into the command, and the port on which it will listen", cmd.Args[at])
	case server == nil || slices.ContainsFunc(cmd.Args[at+1:], server.given.MatchString) && len(cmd.Expose) > 0:
	case slices.ContainsFunc(cmd.Args[at+1:], server.given.MatchString):
		return refusal("the command starts %s with a debug server already: name the port on which it will listen", cmd.Args[at])
	default:
		if len(cmd.Expose) == 0 {
			cmd.Expose = []int{server.port}
		}
		cmd.Args = slices.Insert(slices.Clone(cmd.Args), at+1, server.options("127.0.0.1:"+strconv.Itoa(cmd.Expose[0]))...)
	}
	result.Command = &cmd
	return result
}

// refusal is a result with an error about the command.
func refusal(format string, args ...any) *protocol.ResolveSessionResult {
	err := protocol.Errorf(protocol.CodeBadLaunch, format, args...)
	return &protocol.ResolveSessionResult{Kind: protocol.KindProcess, Diagnostics: []protocol.Diagnostic{err.Diagnostic(protocol.SeverityError, "command.args")}}
}

// programIn finds the program behind an "env NAME=value"; -1 when there is none.
func programIn(args []string) int {
	for i, arg := range args {
		if before := i == 0 && filepath.Base(arg) == "env" || assignment.MatchString(arg); !before {
			return i
		}
	}
	return -1
}

func serverOf(program string) *debugServer {
	name := versioned.ReplaceAllString(strings.ToLower(filepath.Base(program)), "")
	for _, s := range debugServers() {
		if slices.Contains(s.programs, name) {
			return s
		}
	}
	return nil
}
