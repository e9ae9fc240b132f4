package protocol_test

import (
	"encoding/json"

	"github.com/kubetunnel/kubetunnel/protocol"
)

func pointer[T any](v T) *T { return &v }

var (
	launch = json.RawMessage(`{"type":"go","request":"launch","program":"${workspaceFolder}/cart","args":["a \u003c b","ä"],"env":{"X":null}}`)

	target = protocol.Target{Context: "kind-dev", Namespace: "shop", Service: "cart", Port: "http", LocalPort: 9080, Inherit: pointer(false), Forwards: []protocol.Forward{{LocalPort: 5432, Address: "db.data:5432"}}, ViaCluster: []string{"partner.example"}, ViaWorkstation: []string{"10.9.0.0/16"}, LeaseSeconds: 600}
	object = protocol.ObjectRef{Kind: "Service", Namespace: "shop", Name: "cart"}
	fix    = protocol.Fix{
		Title: "Install the operator", Command: "tunnel-server install --context kind-dev",
		YAML: "apiVersion: v1\nkind: Namespace\n", Method: "operator/install", Value: "cart",
	}
	diagnostic = protocol.Diagnostic{
		Severity: protocol.SeverityError, Code: protocol.CodeOperatorMissing, Message: "the operator is not installed",
		Object: &object, Fix: &fix, Field: "target.context",
	}
	failure = protocol.Error{Code: protocol.CodeAgentFailed, Message: "the agent did not start: \"ImagePullBackOff\"", Data: protocol.ErrorData{
		ShowUser: true, Step: protocol.StageAgent, Object: &object, Event: "Failed to pull image", Fix: &fix,
	}}
	traffic = protocol.Traffic{Connections: 12, Origin: 3, Requests: 40, Active: 2, BytesIn: 1 << 40, BytesOut: 4096}
	live    = protocol.SessionInfo{
		ID: "5f0c", Kind: protocol.KindDebug, Target: target, State: protocol.StateLive, Reason: "live, 0 connections yet",
		Stages: []protocol.StageTime{{Stage: protocol.StagePreflight, BeganMillis: 1, EndedMillis: 40}, {Stage: protocol.StageSwitch, BeganMillis: 900}},
		Ports:  []protocol.PortMapping{{Name: "http", ServicePort: 80, TargetPort: 8080, LocalPort: 9080, Protocol: "TCP"}},

		Intercept: "cart-0a1b2c3d", Carrier: protocol.CarrierProxy, Exposed: []protocol.ExposedPort{{Port: 5005, LocalPort: 41005, Listening: true}}, Sandbox: &protocol.SandboxInfo{Mode: "namespaces", Limits: []string{"The kernel is the workstation's."}}, Warnings: []string{"KT1603: no network namespace"},
	}
	failed = protocol.SessionInfo{
		ID: "5f0d", Kind: protocol.KindProcess, Target: protocol.Target{Service: "cart"}, State: protocol.StateFailed, Reason: "KT1403", Error: &failure,
		Receipt:  &protocol.Receipt{Restored: true, Differences: []string{"spec.selector was changed by helm"}, Traffic: traffic, Cut: 1, StopMillis: 120},
		ExitCode: pointer(2),
	}
	service = protocol.Service{
		Name: "cart", Namespace: "shop", Type: "ClusterIP",
		Ports:            []protocol.ServicePort{{Name: "http", Port: 80, Protocol: "TCP", TargetPort: "web", ResolvedPort: 8080}},
		Workload:         &protocol.Workload{Kind: "Deployment", Name: "cart", Image: "shop/cart:1", Ready: 1, Total: 2},
		Intercept:        &protocol.InterceptInfo{Name: "cart-0a1b2c3d", User: "ann", Host: "desk", State: "Live", Since: "2030-01-02T03:04:05Z", AgeSeconds: 65, LeaseLeftSeconds: 60, Mine: true},
		NotInterceptable: "ann debugs it",
	}
)

// examples is at least one message of each type that travels alone, by the name of its case.
func examples() map[string]any {
	return map[string]any{
		"vscode": protocol.InitializeParams{
			ProtocolVersion: "1.0", ClientInfo: protocol.ClientInfo{Name: "Visual Studio Code", Version: "1.99"}, ProcessID: 4711,
			WorkspaceFolders: []string{"/home/ann/shop"}, Kubeconfig: "/home/ann/.kube/dev", Capabilities: protocol.ClientCapabilities{WorkDoneProgress: true},
		},
		"linux": protocol.InitializeResult{
			ProtocolVersion: "1.0", ServerInfo: protocol.ClientInfo{Name: "tunnel-server", Version: "0.1.0"},
			Capabilities: protocol.ServerCapabilities{Adapters: []string{"go", "python"}, Sandbox: protocol.SandboxInfo{Mode: "loopback", Reason: "only Linux has network namespaces", Limits: []string{"UDP is not taken"}}},
		},
		"nothing": protocol.Empty{},
		"two": protocol.ListContextsResult{Contexts: []protocol.KubeContext{
			{Name: "kind-dev", Cluster: "kind", User: "ann", Namespace: "shop", Current: true}, {Name: "prod", Cluster: "prod", User: "ann", Namespace: "default"},
		}, Revision: "5d6c7b8a9f0e1d2c"},
		"changed":   protocol.ListContextsParams{Unless: "41d0c3f09a8b7e65"},
		"all":       protocol.ListNamespacesParams{Context: "kind-dev", Unless: "R7K2QXNB.0a1b2c3d4e5f6071.911"},
		"some":      protocol.ListNamespacesResult{Namespaces: []string{"default", "shop"}, Revision: "R7K2QXNB.9f8e7d6c5b4a3921.914"},
		"shop":      protocol.ListServicesParams{Context: "kind-dev", Namespace: "shop", Unless: "9f2c.812.815.790"},
		"cart":      protocol.ListServicesResult{Services: []protocol.Service{service}, Revision: "9f2c.812.815.790"},
		"uninstall": protocol.OperatorParams{Context: "kind-dev", WorkDoneToken: "t1"},
		"own":       protocol.InstallOperatorParams{Context: "kind-dev", Image: "registry.example/kubetunnel:1", ImagePullPolicy: "Always", WorkDoneToken: "t2"},
		"older":     protocol.OperatorStatusResult{Installed: true, Version: "0.0.9", Wanted: "0.1.0", Namespace: "kubetunnel-system", Image: "kubetunnel:0.0.9", Ready: true, Message: "it is older"},
		"endCart":   protocol.EndInterceptParams{Context: "kind-dev", Namespace: "shop", Service: "cart"},
		"openFile":  protocol.SuggestSessionParams{Target: target, File: "/home/ann/shop/cart/main.go", Folder: "/home/ann/shop"},
		"oneProgram": protocol.SuggestSessionResult{Suggestions: []protocol.Suggestion{{Title: "Go: cart", Configuration: protocol.DebugConfiguration{
			Type: "kubetunnel", Request: "launch", Name: "Debug cart in cluster", Target: target, Debug: launch,
		}}}},
		"delve": protocol.ResolveSessionParams{Target: target, Launch: launch, ID: "5f0c", Folder: "/home/ann/shop"},
		"proxy": protocol.ResolveSessionResult{Kind: protocol.KindDebug, Mode: protocol.ModeProxy, Adapter: "go", Launch: launch, Diagnostics: []protocol.Diagnostic{diagnostic}},
		"jvm":   protocol.ResolveSessionParams{Target: target, Command: &protocol.Command{Args: []string{"java", "-jar", "cart.jar"}}},
		"jdwp": protocol.ResolveSessionResult{Kind: protocol.KindProcess, Command: &protocol.Command{
			Args: []string{"java", "-agentlib:jdwp=transport=dt_socket", "-jar", "cart.jar"}, Expose: []int{5005},
		}},
		"withLaunch":  protocol.PreflightParams{Target: target, Launch: launch, Folder: "/home/ann/shop"},
		"missing":     protocol.PreflightResult{Diagnostics: []protocol.Diagnostic{diagnostic, {Severity: protocol.SeverityWarning, Code: protocol.CodeSandboxLimit, Message: "no UDP"}}},
		"debug":       protocol.StartSessionParams{ID: "5f0c", Target: target, Launch: launch, Folder: "/home/ann/shop", ShowsErrors: true, WorkDoneToken: "t3"},
		"process":     protocol.StartSessionParams{ID: "5f0d", Target: target, Command: &protocol.Command{Args: []string{"go", "run", "."}, Cwd: "/home/ann/shop", Env: map[string]*string{"A": pointer("1"), "B": nil}, Expose: []int{5005}}},
		"editors":     protocol.StartSessionParams{ID: "5f0e", Target: target, Outside: true},
		"wanted":      protocol.SessionEnvironmentParams{ID: "5f0e", Env: map[string]*string{"A": pointer("1"), "B": nil}},
		"given":       protocol.SessionEnvironmentResult{Env: map[string]*string{"CURRENCY": pointer("EUR"), "HTTP_PROXY": nil}},
		"join":        protocol.JoinSessionParams{ID: "5f0e", ProcessID: 4712},
		"started":     protocol.StartSessionResult{Session: live, DAP: &protocol.Endpoint{Network: "unix", Address: "/tmp/kubetunnel-1/dap.sock"}},
		"stop":        protocol.SessionParams{ID: "5f0c"},
		"stopped":     protocol.StopSessionResult{Session: failed},
		"list":        protocol.ListSessionsResult{Sessions: []protocol.SessionInfo{live, failed}},
		"much":        traffic,
		"live":        live,
		"failed":      failed,
		"line":        protocol.SessionOutputParams{ID: "5f0c", Category: "stderr", Output: "listening on :8080 <\u2028>\n"},
		"begin":       protocol.ProgressParams{Token: "t3", Value: protocol.ProgressValue{Kind: "begin"}},
		"report":      protocol.ProgressParams{Token: "t3", Value: protocol.ProgressValue{Kind: "report", Stage: protocol.StageAgent, Message: "Waiting for the agent", ElapsedMillis: 812}},
		"warn":        protocol.LogMessageParams{Level: "warn", Message: "the kubeconfig is not watched"},
		"agentFailed": failure,

		// What is optional is left out; arrays that are not optional are empty.
		"least":    protocol.InitializeParams{ProtocolVersion: "1.0", ClientInfo: protocol.ClientInfo{Name: "vim"}},
		"none":     protocol.ListServicesResult{Services: []protocol.Service{}},
		"external": protocol.Service{Name: "db", Namespace: "shop", Type: "ExternalName", Ports: []protocol.ServicePort{}},
		"starting": protocol.SessionInfo{ID: "5f0c", Kind: protocol.KindDebug, Target: protocol.Target{Service: "cart"}, State: protocol.StateStarting},
		"absent":   protocol.OperatorStatusResult{Wanted: "0.1.0"},
		"plain":    protocol.Error{Code: protocol.CodeParseError, Message: "not JSON"},
	}
}
