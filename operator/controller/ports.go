package controller

import (
	"net"
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/kubetunnel/kubetunnel/operator/api/v1alpha1"
	"github.com/kubetunnel/kubetunnel/operator/control"
)

// Where an agent listens for us unless the app uses these ports itself.
const (
	defaultTunnelPort  int32 = 7070
	defaultControlPort int32 = 7071
	defaultUpgradePort int32 = 7072
)

// targetPort is a port of a Service with its number on the pod.
type targetPort struct {
	corev1.ServicePort
	number int32
}

// resolvePorts finds the numbers of a Service's target ports. Names are looked up
// among containers; a port that has none there is left out, as it reaches no pod either.
func resolvePorts(svc *corev1.Service, containers []corev1.Container) []targetPort {
	var out []targetPort
	for _, p := range svc.Spec.Ports {
		if n := resolvePort(p, containers); n != 0 {
			out = append(out, targetPort{ServicePort: p, number: n})
		}
	}
	return out
}

func resolvePort(p corev1.ServicePort, containers []corev1.Container) int32 {
	if p.TargetPort.Type == intstr.Int {
		if p.TargetPort.IntVal != 0 {
			return p.TargetPort.IntVal
		}
		return p.Port
	}
	for _, c := range containers {
		for _, cp := range c.Ports {
			if cp.Name == p.TargetPort.StrVal && protocolOf(cp.Protocol) == protocolOf(p.Protocol) {
				return cp.ContainerPort
			}
		}
	}
	return 0
}

func protocolOf(p corev1.Protocol) corev1.Protocol {
	if p == "" {
		return corev1.ProtocolTCP
	}
	return p
}

// containerPorts mirrors on the agent what the Service's targetPorts refer to by name.
func containerPorts(ports []targetPort) []corev1.ContainerPort {
	var out []corev1.ContainerPort
	for _, p := range ports {
		if p.TargetPort.Type != intstr.String {
			continue
		}
		cp := corev1.ContainerPort{Name: p.TargetPort.StrVal, ContainerPort: p.number, Protocol: protocolOf(p.Protocol)}
		if !slices.Contains(out, cp) {
			out = append(out, cp)
		}
	}
	return out
}

// agentPorts are the agent's own ports.
type agentPorts struct {
	// control takes the operator; tunnel, on 127.0.0.1, and upgrade take engines.
	control, tunnel, upgrade int32
}

// ownPorts picks the agent's ports, beside those of the app.
func ownPorts(ports []targetPort) agentPorts {
	used := map[int32]bool{}
	for _, p := range ports {
		used[p.number] = true
	}
	pick := func(n int32) int32 {
		for used[n] {
			n++
		}
		used[n] = true
		return n
	}
	return agentPorts{tunnel: pick(defaultTunnelPort), control: pick(defaultControlPort), upgrade: pick(defaultUpgradePort)}
}

// controlPorts are the ports as the agent is told of them; origin is the origin Service's address or name.
func controlPorts(ports []targetPort, origin string) []control.Port {
	var out []control.Port
	for _, p := range ports {
		out = append(out, control.Port{
			Name: p.Name, AppProtocol: appProtocol(p.ServicePort), ServicePort: p.Port, TargetPort: p.number, Protocol: string(protocolOf(p.Protocol)),
			Origin: net.JoinHostPort(origin, strconv.Itoa(int(p.Port))),
		})
	}
	return out
}

func appProtocol(p corev1.ServicePort) string {
	if p.AppProtocol == nil {
		return ""
	}
	return *p.AppProtocol
}

// statusPorts are the ports as the engine is told of them.
func statusPorts(ports []targetPort) []v1alpha1.AgentPort {
	var out []v1alpha1.AgentPort
	for _, p := range ports {
		out = append(out, v1alpha1.AgentPort{Name: p.Name, Port: p.Port, TargetPort: p.number, Protocol: string(protocolOf(p.Protocol))})
	}
	return out
}
