package controller

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubetunnel/kubetunnel/operator/api/v1alpha1"
)

// Places inside the agent pod.
const (
	agentContainer = "agent"
	twinContainer  = "twin"
	configVolume   = "kubetunnel-config"
	sharedVolume   = "kubetunnel-shared"
	configPath     = "/etc/kubetunnel"
	sharedPath     = "/kt"
	twinSocket     = sharedPath + "/twin.sock"
	twinBinary     = sharedPath + "/tunnel-agent"
	agentUID       = 65532
	// agentGrace is for an agent whose node is drained: endpoints need a moment to
	// forget it, and it hands on to the origin until then.
	agentGrace = 10
)

// meshPrefixes are the annotations by which service meshes know what to do with a pod.
var meshPrefixes = []string{
	"sidecar.istio.io/", "traffic.sidecar.istio.io/", "proxy.istio.io/", "inject.istio.io/", "ambient.istio.io/", "istio.io/",
	"linkerd.io/", "config.linkerd.io/", "config.alpha.linkerd.io/", "kuma.io/", "traffic.kuma.io/",
	"consul.hashicorp.com/", "cilium.io/", "openservicemesh.io/",
}

// blueprint is what an agent's Deployment is made from.
type blueprint struct {
	names    names
	service  *corev1.Service
	selector map[string]string
	app      *App
	inherit  bool
	settings Settings
}

// deployment is the agent's. There is no readiness probe: whether the agent can
// take calls is said by the control channel, and a probe's period would be waited for.
func (b blueprint) deployment() (*appsv1.Deployment, error) {
	template := b.podTemplate()
	hash, err := hashOf(template)
	if err != nil {
		return nil, err
	}
	d := &appsv1.Deployment{ObjectMeta: b.names.meta(b.service.Namespace, b.names.agent())}
	d.Annotations[annotationSpecHash] = hash
	if notes := b.notes(); len(notes) > 0 {
		d.Annotations[annotationNotes] = strings.Join(notes, "; ")
	}
	one, history := int32(1), int32(0)
	d.Spec = appsv1.DeploymentSpec{
		Replicas: &one,
		// Two agents of one Service at once would be two truths.
		Strategy:             appsv1.DeploymentStrategy{Type: appsv1.RecreateDeploymentStrategyType},
		RevisionHistoryLimit: &history,
		Selector:             &metav1.LabelSelector{MatchLabels: map[string]string{v1alpha1.LabelTarget: string(b.names.uid)}},
		Template:             template,
	}
	return d, nil
}

// hashOf tells two templates apart, and agents of two operators with different keys.
func hashOf(template corev1.PodTemplateSpec) (string, error) {
	data, err := json.Marshal(template)
	if err != nil {
		return "", fmt.Errorf("encode pod template: %w", err)
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:8]), nil
}

func (b blueprint) podTemplate() corev1.PodTemplateSpec {
	from := b.app.Template
	ports := resolvePorts(b.service, from.Spec.Containers)
	own := ownPorts(ports)
	t := corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{
		Labels:      b.names.podLabels(b.selector),
		Annotations: meshAnnotations(from.Annotations),
	}}
	maps.Copy(t.Annotations, map[string]string{
		v1alpha1.AnnotationTarget: b.names.target,
		annotationControlPort:     strconv.Itoa(int(own.control)),
		annotationTunnelPort:      strconv.Itoa(int(own.tunnel)),
		annotationUpgradePort:     strconv.Itoa(int(own.upgrade)),
		annotationOperatorKey:     b.settings.OperatorKey,
	})
	no, grace := false, int64(agentGrace)
	t.Spec = corev1.PodSpec{
		Containers:                    []corev1.Container{b.agent(ports, own)},
		Volumes:                       []corev1.Volume{b.config()},
		TerminationGracePeriodSeconds: &grace,
		AutomountServiceAccountToken:  &no,
		EnableServiceLinks:            &no,
		NodeSelector:                  from.Spec.NodeSelector,
		Affinity:                      nodeAffinity(from.Spec.Affinity),
		Tolerations:                   leavesLostNodes(from.Spec.Tolerations),
		ImagePullSecrets:              from.Spec.ImagePullSecrets,
		RuntimeClassName:              from.Spec.RuntimeClassName,
		HostAliases:                   from.Spec.HostAliases,
		DNSPolicy:                     from.Spec.DNSPolicy,
		DNSConfig:                     from.Spec.DNSConfig,
		SecurityContext:               &corev1.PodSecurityContext{},
	}
	if b.inherit {
		b.addTwin(&t)
	} else {
		yes, uid := true, int64(agentUID)
		t.Spec.SecurityContext.RunAsNonRoot, t.Spec.SecurityContext.RunAsUser = &yes, &uid
		t.Spec.SecurityContext.SeccompProfile = &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault}
	}
	withinPod(t.Spec.Containers, b.app.Limits)
	if needsLowPorts(ports) {
		t.Spec.SecurityContext.Sysctls = []corev1.Sysctl{{Name: "net.ipv4.ip_unprivileged_port_start", Value: "0"}}
	}
	return t
}

// leavesLostNodes lets Kubernetes make another agent as soon as it takes the node for
// lost, and not five minutes later: a session outlives that, an hour's lease or not.
func leavesLostNodes(of []corev1.Toleration) []corev1.Toleration {
	for _, taint := range []string{corev1.TaintNodeUnreachable, corev1.TaintNodeNotReady} {
		of = append(slices.Clip(of), corev1.Toleration{
			Key: taint, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute, TolerationSeconds: new(int64),
		})
	}
	return of
}

// annotationOperatorKey makes an agent that knows a former operator's key differ.
const annotationOperatorKey = annotationPrefix + "operator-key"

func (b blueprint) agent(ports []targetPort, own agentPorts) corev1.Container {
	c := corev1.Container{
		Name: agentContainer, Image: b.settings.Image, ImagePullPolicy: b.settings.PullPolicy,
		Command: []string{
			"/tunnel-agent", "serve", "--config", configPath,
			"--control", fmt.Sprintf(":%d", own.control), "--tunnel", fmt.Sprintf("127.0.0.1:%d", own.tunnel),
			"--upgrade", fmt.Sprintf(":%d", own.upgrade), "--ports", b.fallback(ports),
		},
		Ports:           containerPorts(ports),
		Resources:       within(smallResources(appContainer(b.service, b.app.Template).Resources, "512Mi"), b.app.Limits),
		VolumeMounts:    []corev1.VolumeMount{{Name: configVolume, MountPath: configPath, ReadOnly: true}},
		SecurityContext: restricted(),
	}
	if b.inherit {
		c.Command = append(c.Command, "--twin-socket", twinSocket)
		c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: sharedVolume, MountPath: sharedPath})
		// The kubelet starts the next container when this hook has ended, so the twin
		// finds its binary, without the second that an init container costs.
		c.Lifecycle = &corev1.Lifecycle{PostStart: &corev1.LifecycleHandler{
			Exec: &corev1.ExecAction{Command: []string{"/tunnel-agent", "copy-to", twinBinary}},
		}}
	}
	return c
}

// fallback is what an agent that starts while there is no operator hands on to the
// origin: the Service may still be switched to it.
func (b blueprint) fallback(ports []targetPort) string {
	text, err := json.Marshal(controlPorts(ports, b.names.origin()+"."+b.service.Namespace+".svc"))
	if err != nil {
		return "[]" // of text and numbers: it can't be
	}
	return string(text)
}

func (b blueprint) config() corev1.Volume {
	mode := int32(0o444)
	return corev1.Volume{Name: configVolume, VolumeSource: corev1.VolumeSource{
		Secret: &corev1.SecretVolumeSource{SecretName: b.names.agent(), DefaultMode: &mode},
	}}
}

// restricted is what the Pod Security Standard of that name asks of a container.
func restricted() *corev1.SecurityContext {
	yes, no, id := true, false, int64(agentUID)
	return &corev1.SecurityContext{
		RunAsNonRoot: &yes, RunAsUser: &id, RunAsGroup: &id,
		AllowPrivilegeEscalation: &no, ReadOnlyRootFilesystem: &yes, Privileged: &no,
		Capabilities:   &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
	}
}

// smallResources asks for little. Limits are set where the app sets them: there a
// quota may refuse pods without.
func smallResources(app corev1.ResourceRequirements, memoryLimit string) corev1.ResourceRequirements {
	r := corev1.ResourceRequirements{Requests: corev1.ResourceList{
		corev1.ResourceCPU: resource.MustParse("5m"), corev1.ResourceMemory: resource.MustParse("16Mi"),
	}}
	for name, limit := range map[corev1.ResourceName]string{corev1.ResourceCPU: "1", corev1.ResourceMemory: memoryLimit} {
		if _, limited := app.Limits[name]; limited {
			if r.Limits == nil {
				r.Limits = corev1.ResourceList{}
			}
			r.Limits[name] = resource.MustParse(limit)
		}
	}
	return r
}

func meshAnnotations(from map[string]string) map[string]string {
	out := map[string]string{}
	for key, value := range from {
		for _, prefix := range meshPrefixes {
			if strings.HasPrefix(key, prefix) {
				out[key] = value
			}
		}
	}
	return out
}

// nodeAffinity keeps the part that says on which nodes the app can run; affinity
// to other pods is about the app's replicas, of which the agent is none.
func nodeAffinity(a *corev1.Affinity) *corev1.Affinity {
	if a == nil || a.NodeAffinity == nil {
		return nil
	}
	return &corev1.Affinity{NodeAffinity: a.NodeAffinity}
}

func needsLowPorts(ports []targetPort) bool {
	for _, p := range ports {
		if p.number < 1024 {
			return true
		}
	}
	return false
}
