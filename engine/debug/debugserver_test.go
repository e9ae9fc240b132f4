package debug

import (
	"strings"
	"testing"

	"github.com/kubetunnel/kubetunnel/protocol"
)

func TestCommandsGetTheirDebugServer(t *testing.T) {
	for _, test := range []struct {
		line string
		port int
		want string
		at   int
	}{
		{"java -jar cart.jar", 0, "java -agentlib:jdwp=transport=dt_socket,server=y,suspend=y,address=127.0.0.1:5005 -jar cart.jar", 5005},
		{"/opt/jdk/bin/java -cp x Cart", 6006, "/opt/jdk/bin/java -agentlib:jdwp=transport=dt_socket,server=y,suspend=y,address=127.0.0.1:6006 -cp x Cart", 6006},
		{"node server.js", 0, "node --inspect-brk=127.0.0.1:9229 server.js", 9229},
		{"python3.11 -m flask run", 0, "python3.11 -m debugpy --listen 127.0.0.1:5678 --wait-for-client -m flask run", 5678},
		{"env A=1 B=2 java Cart", 0, "env A=1 B=2 java -agentlib:jdwp=transport=dt_socket,server=y,suspend=y,address=127.0.0.1:5005 Cart", 5005},
		{"java -agentlib:jdwp=transport=dt_socket,address=7000 Cart", 7000, "java -agentlib:jdwp=transport=dt_socket,address=7000 Cart", 7000},
		{"dlv exec --headless --listen=127.0.0.1:4000 ./cart", 4000, "dlv exec --headless --listen=127.0.0.1:4000 ./cart", 4000},
	} {
		cmd := protocol.Command{Args: strings.Fields(test.line), Cwd: "/src"}
		if test.port != 0 {
			cmd.Expose = []int{test.port}
		}
		got := ResolveCommand(cmd)
		if got.Command == nil || strings.Join(got.Command.Args, " ") != test.want || got.Command.Expose[0] != test.at || got.Command.Cwd != "/src" || got.Kind != protocol.KindProcess {
			t.Errorf("%s: got %+v, %+v", test.line, got.Command, got.Diagnostics)
		}
		if strings.Join(cmd.Args, " ") != test.line {
			t.Errorf("the caller's arguments are changed: %q", cmd.Args)
		}
	}
	for line, want := range map[string]string{
		"":                           "names no program",
		"A=1":                        "names no program",
		"./cart --port 80":           "not known how ./cart",
		"node --inspect=9000 app.js": "already",
	} {
		got := ResolveCommand(protocol.Command{Args: strings.Fields(line)})
		if got.Command != nil || len(got.Diagnostics) != 1 || !strings.Contains(got.Diagnostics[0].Message, want) {
			t.Errorf("%q: got %+v", line, got)
		}
	}
}
