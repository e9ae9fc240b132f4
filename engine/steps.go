package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/kubetunnel/kubetunnel/engine/private"
	"github.com/kubetunnel/kubetunnel/protocol"
)

// agentTimeout is how long the agent may take: images are pulled, nodes are scaled up.
const agentTimeout = 3 * time.Minute

// prepare is what Start waits for: everything that can be refused.
func (s *Session) prepare() []step {
	return []step{
		{stage: protocol.StagePreflight, do: s.lookAtTarget},
		{stage: protocol.StageSandbox, do: s.startSandbox, undo: s.closeSandbox},
		{stage: protocol.StageIntercept, do: s.createIntercept, undo: s.endIntercept},
		{stage: protocol.StageDebugger, do: s.startDebugger, undo: s.endDebugger},
	}
}

// connect is what goes on while the editor already talks to the debug adapter.
func (s *Session) connect() []step {
	return []step{
		{stage: protocol.StageAgent, do: s.waitAgent},
		{stage: protocol.StageTunnel, do: s.attach},
		{stage: protocol.StageEnvironment, do: s.becomePod},
	}
}

func (s *Session) lookAtTarget(ctx context.Context) error {
	if s.rooms.CheckLaunch != nil && s.params.Command == nil && len(s.params.Launch) > 0 {
		if err := s.rooms.CheckLaunch(s.params.Launch); err != nil {
			return err
		}
	}
	cluster, err := s.rooms.Cluster(s.params.Target.Context)
	if err != nil {
		return err
	}
	survey, err := cluster.Survey(ctx, s.params.Target)
	if err != nil {
		return err
	}
	s.cluster, s.survey = cluster, survey
	s.change(func(i *protocol.SessionInfo) {
		i.Target, i.Ports = survey.Target(), survey.Ports()
		for _, p := range survey.Problems() {
			if p.Severity != protocol.SeverityError {
				i.Warnings = append(i.Warnings, fmt.Sprintf("KT%d: %s", p.Code, p.Message))
			}
		}
	})
	return survey.Err()
}

func (s *Session) startSandbox(ctx context.Context) error {
	folder, err := private.New()
	if err != nil {
		return protocol.Errorf(protocol.CodeSandboxFailed, "no private folder for the session: %w", err)
	}
	s.folder = folder
	if err := s.writeCard(); err != nil {
		return protocol.Errorf(protocol.CodeSandboxFailed, "no room in the session's folder: %w", err)
	}
	s.link, err = s.rooms.Link(LinkConfig{
		Take: s.take, Attached: s.attachedChanged, ViaCluster: s.params.Target.ViaCluster, ViaWorkstation: s.params.Target.ViaWorkstation,
		Lease: s.params.Target.Lease(),
	})
	if err != nil {
		return err
	}
	s.sandbox, err = s.rooms.Sandbox(ctx, SandboxConfig{
		Dir: folder.Path(), Link: s.link, Forwards: s.params.Target.Forwards, Environment: (*host)(s).Environment,
		Outside: s.params.Outside,
	})
	if err != nil {
		return err
	}
	s.tellSandbox()
	return nil
}

// closeSandbox ends the process tree, and then, last of all, the connection.
func (s *Session) closeSandbox(ctx context.Context) error {
	var err error
	if s.sandbox != nil {
		err = s.sandbox.Close(ctx)
	}
	if s.link != nil {
		_ = s.link.Close()
	}
	if s.folder != nil {
		err = errors.Join(err, s.folder.Remove())
	}
	return err
}

func (s *Session) createIntercept(ctx context.Context) error {
	target := s.survey.Target()
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	in, err := s.cluster.Create(ctx, s.survey, InterceptRequest{
		Name: interceptName(target.Service, s.params.ID), Key: s.link.PublicKey(), Host: host, Inherit: target.WantsInherit(),
		Lease: s.params.Target.Lease(),
	})
	if err != nil {
		return err
	}
	s.intercept = in
	s.change(func(i *protocol.SessionInfo) { i.Intercept = in.Name() })
	if err := s.writeCard(); err != nil {
		return protocol.Errorf(protocol.CodeSandboxFailed, "no room in the session's folder: %w", err)
	}
	return nil
}

var notLabel = regexp.MustCompile(`[^a-z0-9-]+`)

// interceptName is the Service's name and a hash of the session's id: the same
// session always asks for the same object.
func interceptName(service, id string) string {
	sum := sha256.Sum256([]byte(id))
	name := notLabel.ReplaceAllString(strings.ToLower(service), "-")
	return strings.Trim(name[:min(len(name), 50)], "-") + "-" + hex.EncodeToString(sum[:4])
}

// endIntercept deletes the Intercept and waits until the Service is back.
func (s *Session) endIntercept(ctx context.Context) error {
	if s.intercept == nil {
		return nil
	}
	defer s.intercept.Close()
	s.stageBegan(protocol.StageRestore)
	defer s.stageEnded(protocol.StageRestore)
	if err := s.intercept.Delete(ctx); err != nil {
		return err
	}
	differences, err := s.intercept.Restored(ctx)
	if err != nil {
		return err
	}
	s.change(func(i *protocol.SessionInfo) {
		receipt := s.receipt(i)
		receipt.Restored, receipt.Differences = len(differences) == 0, differences
		receipt.Traffic = s.link.Traffic()
	})
	return nil
}

func (s *Session) receipt(i *protocol.SessionInfo) *protocol.Receipt {
	if i.Receipt == nil {
		i.Receipt = &protocol.Receipt{}
	} else {
		again := *i.Receipt // former snapshots keep theirs
		i.Receipt = &again
	}
	return i.Receipt
}

func (s *Session) startDebugger(ctx context.Context) error {
	if err := s.expose(); err != nil {
		return err
	}
	var err error
	s.debugger, err = s.rooms.Debugger(ctx, DebuggerConfig{
		Dir: s.folder.Path(), Target: s.survey.Target(), Sandbox: s.sandbox, Launch: s.params.Launch, Folder: s.params.Folder, Command: s.params.Command, Host: (*host)(s),
	})
	return err
}

// expose makes the debug servers of a command reachable.
func (s *Session) expose() error {
	if s.params.Command == nil {
		return nil
	}
	var exposed []protocol.ExposedPort
	for _, port := range s.params.Command.Expose {
		local, err := s.sandbox.Expose(port)
		if err != nil {
			return protocol.Errorf(protocol.CodeSandboxFailed, "port %d can't be exposed: %w", port, err)
		}
		exposed = append(exposed, protocol.ExposedPort{Port: port, LocalPort: local})
	}
	s.change(func(i *protocol.SessionInfo) { i.Exposed = exposed })
	return nil
}

func (s *Session) endDebugger(ctx context.Context) error {
	if s.debugger == nil {
		return nil
	}
	s.serving.end(ctx)
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	s.debugger.Terminate(ctx)
	return s.debugger.Close()
}

func (s *Session) waitAgent(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, agentTimeout)
	defer cancel()
	_, err := s.intercept.Agent(ctx)
	return err
}

func (s *Session) attach(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	return s.link.Connect(ctx, s.intercept.Agent, s.intercept.Dial)
}

// becomePod makes the sandbox the pod, as far as the target's admin lets it be inherited.
func (s *Session) becomePod(ctx context.Context) error {
	target := s.survey.Target()
	s.pod = &Pod{}
	if target.WantsInherit() {
		pod, err := s.link.Pod(ctx, filepath.Join(s.folder.Path(), "files"), s.sandbox.Memory())
		if err != nil {
			return protocol.Errorf(protocol.CodeAgentFailed, "the app's environment can't be had: %w", err)
		}
		s.pod = pod
	}
	s.pod.Namespace = target.Namespace
	s.change(func(i *protocol.SessionInfo) { i.Warnings = append(i.Warnings, s.pod.Notes...) })
	if err := s.sandbox.Become(ctx, s.pod); err != nil {
		return protocol.Errorf(protocol.CodeSandboxFailed, "the sandbox can't be made: %w", err)
	}
	s.tellSandbox()
	return nil
}

// tellSandbox tells what is known of the sandbox now.
func (s *Session) tellSandbox() {
	info := s.sandbox.Info()
	s.change(func(i *protocol.SessionInfo) {
		i.Sandbox = &info
		for _, text := range append([]string{info.Reason}, info.Limits...) {
			if text != "" && !slices.Contains(i.Warnings, text) {
				i.Warnings = append(i.Warnings, text)
			}
		}
	})
}

// finishPod lets those go on who wait for the pod's environment and sandbox.
func (s *Session) finishPod(err error) {
	select {
	case <-s.podReady:
	default:
		s.podErr = err
		if err == nil && s.pod == nil {
			s.podErr = s.stoppedEarly()
		}
		close(s.podReady)
	}
}

// stoppedEarly is for those who wait for the pod of a session that somebody has stopped
// while it started: that is no news to the user.
func (s *Session) stoppedEarly() error {
	err := protocol.Errorf(protocol.CodeSessionEnded, "the session has ended while it started: %s", s.reasonOf(nil))
	err.Data.ShowUser = false
	return err
}

// take connects a call to the debuggee.
func (s *Session) take(ctx context.Context, servicePort int, source string) (net.Conn, error) {
	for _, p := range s.survey.Ports() {
		if p.ServicePort == servicePort {
			return s.sandbox.Dial(ctx, source, p.LocalPort)
		}
	}
	return nil, fmt.Errorf("port %d is not mapped", servicePort)
}
