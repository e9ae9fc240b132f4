package cluster

import (
	"fmt"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/kubetunnel/kubetunnel/operator/api/v1alpha1"
	"github.com/kubetunnel/kubetunnel/operator/original"
	"github.com/kubetunnel/kubetunnel/protocol"
)

// originalSelector gives the selector that the Service has without an intercept,
// and whether it is switched now.
func originalSelector(svc *corev1.Service) (map[string]string, bool) {
	was, switched := original.Read(svc)
	if was == nil || len(was.Selector) == 0 {
		return svc.Spec.Selector, switched
	}
	return was.Selector, switched
}

// interceptable tells why a Service can't be intercepted by its own spec; nil when it can.
func interceptable(svc *corev1.Service) *protocol.Error {
	switch {
	case svc.Spec.Type == corev1.ServiceTypeExternalName:
		return protocol.Errorf(protocol.CodeServiceNoSelector, "Service %s/%s is of type ExternalName (%s): it has no pods to stand in for", svc.Namespace, svc.Name, svc.Spec.ExternalName).
			On("Service", svc.Namespace, svc.Name).
			WithFix(protocol.Fix{Title: "Choose the Service behind that name"})
	case len(svc.Spec.Selector) == 0:
		return protocol.Errorf(protocol.CodeServiceNoSelector, "Service %s/%s has no selector: its endpoints are kept by hand, so there is nothing to switch", svc.Namespace, svc.Name).
			On("Service", svc.Namespace, svc.Name).
			WithFix(protocol.Fix{Title: "Choose a Service with a selector"})
	}
	return nil
}

// governing tells whether a headless Service gives a StatefulSet's members their
// names: its endpoints then carry hostnames (Kubernetes DNS specification, section 2.4).
func governing(svc *corev1.Service, slices []discoveryv1.EndpointSlice) *protocol.Error {
	if svc.Spec.ClusterIP != corev1.ClusterIPNone {
		return nil
	}
	for _, slice := range slices {
		for _, e := range slice.Endpoints {
			if e.Hostname != nil && *e.Hostname != "" {
				return protocol.Errorf(protocol.CodeServiceHeadless, "Service %s/%s is headless and names the members of a StatefulSet: switching it would take their names (%s.%s) away", svc.Namespace, svc.Name, *e.Hostname, svc.Name).
					On("Service", svc.Namespace, svc.Name).
					WithFix(protocol.Fix{Title: "Make a second, ordinary Service with the same selector, and debug that one"})
			}
		}
	}
	return nil
}

// holder is whose an Intercept is, for people.
func holder(in *v1alpha1.Intercept) string {
	if in.Spec.Client.Host == "" {
		return in.Spec.Client.User
	}
	return in.Spec.Client.User + " on " + in.Spec.Client.Host
}

func alreadyIntercepted(svc *corev1.Service, in *v1alpha1.Intercept) *protocol.Error {
	return protocol.Errorf(protocol.CodeAlreadyIntercepted, "Service %s/%s is intercepted by %s since %s (Intercept %s, %s)",
		svc.Namespace, svc.Name, holder(in), in.CreationTimestamp.Format("15:04"), in.Name, in.Status.State).
		On("Intercept", in.Namespace, in.Name)
}

// choosePorts maps the wanted port ("" = all TCP ports) to the workstation.
// slices give the resolved target ports of the origin.
func choosePorts(svc *corev1.Service, target protocol.Target, resolve func(corev1.ServicePort) int) ([]protocol.PortMapping, *protocol.Error) {
	var ports []protocol.PortMapping
	var known []string
	for _, p := range svc.Spec.Ports {
		known = append(known, portLabel(p))
		if target.Port != "" && target.Port != p.Name && target.Port != strconv.Itoa(int(p.Port)) {
			continue
		}
		if p.Protocol != corev1.ProtocolTCP {
			if target.Port != "" {
				return nil, protocol.Errorf(protocol.CodeUnsupportedProto, "port %s of Service %s/%s is %s; only TCP can be intercepted", target.Port, svc.Namespace, svc.Name, p.Protocol).
					On("Service", svc.Namespace, svc.Name)
			}
			continue
		}
		mapped, err := mapPort(svc, p, target, resolve)
		if err != nil {
			return nil, err
		}
		ports = append(ports, *mapped)
	}
	if len(ports) == 0 {
		return nil, protocol.Errorf(protocol.CodeUnknownPort, "Service %s/%s has no TCP port %q; it has %s", svc.Namespace, svc.Name, target.Port, strings.Join(known, ", ")).
			On("Service", svc.Namespace, svc.Name).
			WithFix(portFix(svc, known))
	}
	if target.LocalPort != 0 && len(ports) > 1 {
		return nil, protocol.Errorf(protocol.CodePortAmbiguous, "localPort %d is for one port, but Service %s/%s has %s", target.LocalPort, svc.Namespace, svc.Name, strings.Join(known, ", ")).
			On("Service", svc.Namespace, svc.Name).
			WithFix(protocol.Fix{Title: "Say which port is meant: set port to one of " + strings.Join(known, ", ")})
	}
	return ports, nil
}

// portFix is what to write where a port is not there: the only one, or one of several.
func portFix(svc *corev1.Service, known []string) protocol.Fix {
	if len(svc.Spec.Ports) == 1 {
		value := strconv.Itoa(int(svc.Spec.Ports[0].Port))
		return protocol.Fix{Title: "Change it to " + value, Value: value}
	}
	return protocol.Fix{Title: "Set port to one of: " + strings.Join(known, ", ")}
}

func mapPort(svc *corev1.Service, p corev1.ServicePort, target protocol.Target, resolve func(corev1.ServicePort) int) (*protocol.PortMapping, *protocol.Error) {
	resolved := resolve(p)
	if resolved == 0 {
		return nil, protocol.Errorf(protocol.CodeUnresolvedPort, "port %s of Service %s/%s goes to the named port %q, which no ready pod behind it has", portLabel(p), svc.Namespace, svc.Name, p.TargetPort.String()).
			On("Service", svc.Namespace, svc.Name).
			WithFix(protocol.Fix{Title: "Check the containers' port names", Command: fmt.Sprintf("kubectl -n %s get pods -o yaml", svc.Namespace)})
	}
	local := resolved
	if target.LocalPort != 0 {
		local = target.LocalPort
	}
	return &protocol.PortMapping{Name: p.Name, ServicePort: int(p.Port), TargetPort: resolved, LocalPort: local, Protocol: string(p.Protocol)}, nil
}

func portLabel(p corev1.ServicePort) string {
	if p.Name == "" {
		return strconv.Itoa(int(p.Port))
	}
	return fmt.Sprintf("%d (%s)", p.Port, p.Name)
}

// resolveInSlices resolves a target port as the EndpointSlice controller did.
func resolveInSlices(slices []discoveryv1.EndpointSlice) func(corev1.ServicePort) int {
	return func(p corev1.ServicePort) int {
		if n := numericPort(p); n != 0 {
			return n
		}
		for _, slice := range slices {
			for _, sp := range slice.Ports {
				if sp.Port != nil && (sp.Name == nil && p.Name == "" || sp.Name != nil && *sp.Name == p.Name) {
					return int(*sp.Port)
				}
			}
		}
		return 0
	}
}

// resolveInPods resolves a target port by the container ports of the pods.
func resolveInPods(p corev1.ServicePort, pods []corev1.Pod) int {
	if n := numericPort(p); n != 0 {
		return n
	}
	for i := range pods {
		for _, container := range pods[i].Spec.Containers {
			for _, cp := range container.Ports {
				if cp.Name == p.TargetPort.StrVal && cp.Protocol == p.Protocol {
					return int(cp.ContainerPort)
				}
			}
		}
	}
	return 0
}

func numericPort(p corev1.ServicePort) int {
	if p.TargetPort.Type == intstr.String {
		return 0
	}
	if p.TargetPort.IntValue() == 0 {
		return int(p.Port)
	}
	return p.TargetPort.IntValue()
}
