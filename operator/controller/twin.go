package controller

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// tokenPath is where containers find their service account's token.
const tokenPath = "/var/run/secrets/kubernetes.io/serviceaccount"

// appContainer is the container that owns a target port of the Service, else the first.
func appContainer(svc *corev1.Service, template *corev1.PodTemplateSpec) *corev1.Container {
	containers := template.Spec.Containers
	for _, p := range svc.Spec.Ports {
		for i, c := range containers {
			for _, cp := range c.Ports {
				named := p.TargetPort.Type == intstr.String && cp.Name == p.TargetPort.StrVal
				numbered := p.TargetPort.Type == intstr.Int && cp.ContainerPort == resolvePort(p, nil)
				if named || numbered {
					return &containers[i]
				}
			}
		}
	}
	return &containers[0]
}

// addTwin adds the container that is the app's in all but the program it runs,
// and to the pod what that container needs. Not taken over: probes, lifecycle,
// names and labels (they would make it a replica), anti-affinity, host namespaces.
func (b blueprint) addTwin(t *corev1.PodTemplateSpec) {
	pod := &t.Spec
	from, app := b.app.Template, appContainer(b.service, b.app.Template)
	allowed := b.settings.Inherit
	if allowed.Identity {
		pod.ServiceAccountName = from.Spec.ServiceAccountName
	}
	pod.EnableServiceLinks = from.Spec.EnableServiceLinks
	pod.SecurityContext = twinPodSecurity(from.Spec.SecurityContext)
	volumes, mounts := b.volumes(app)
	maps.Copy(t.Annotations, inheritMetadata(volumes, from))
	pod.Volumes = append(pod.Volumes, corev1.Volume{
		Name: sharedVolume, VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}},
	})
	pod.Volumes = append(pod.Volumes, volumes...)
	pod.Containers = append(pod.Containers, corev1.Container{
		Name: twinContainer, Image: app.Image, ImagePullPolicy: app.ImagePullPolicy,
		Command:         []string{twinBinary, "twin", "--socket", twinSocket, "--mounts", mountList(mounts, volumes)},
		WorkingDir:      app.WorkingDir,
		VolumeMounts:    append(mounts, corev1.VolumeMount{Name: sharedVolume, MountPath: sharedPath}),
		SecurityContext: app.SecurityContext,
		Resources:       within(twinResources(app, volumes), b.app.Limits),
	})
	if twin := &pod.Containers[len(pod.Containers)-1]; allowed.Environment {
		twin.Env, twin.EnvFrom = twinEnv(app, from), app.EnvFrom
	}
}

// twinPodSecurity takes over whom the app's container runs as and what groups its files have.
func twinPodSecurity(from *corev1.PodSecurityContext) *corev1.PodSecurityContext {
	if from == nil {
		return &corev1.PodSecurityContext{}
	}
	out := from.DeepCopy()
	out.Sysctls, out.WindowsOptions = nil, nil
	return out
}

// twinResources are small, but for a downwardAPI volume that shows them: it must show the app's.
func twinResources(app *corev1.Container, volumes []corev1.Volume) corev1.ResourceRequirements {
	for _, v := range volumes {
		if v.DownwardAPI == nil {
			continue
		}
		for _, item := range v.DownwardAPI.Items {
			if item.ResourceFieldRef != nil {
				return *app.Resources.DeepCopy()
			}
		}
	}
	return smallResources(app.Resources, "128Mi")
}

// twinEnv is the app's environment. What it says of the app's resources and labels
// is written out, since the agent pod's own differ.
func twinEnv(app *corev1.Container, template *corev1.PodTemplateSpec) []corev1.EnvVar {
	out := slices.Clone(app.Env)
	for i, e := range out {
		if e.ValueFrom == nil {
			continue
		}
		if ref := e.ValueFrom.ResourceFieldRef; ref != nil {
			if value, known := resourceValue(ref, app, template); known {
				out[i] = corev1.EnvVar{Name: e.Name, Value: value}
			} else {
				out[i].ValueFrom = &corev1.EnvVarSource{ResourceFieldRef: &corev1.ResourceFieldSelector{Resource: ref.Resource, Divisor: ref.Divisor}}
			}
		}
		if ref := e.ValueFrom.FieldRef; ref != nil {
			if value, known := metadataValue(ref.FieldPath, template); known {
				out[i] = corev1.EnvVar{Name: e.Name, Value: value}
			}
		}
	}
	return out
}

// metadataValue resolves metadata.labels['x'] and metadata.annotations['x'].
func metadataValue(path string, template *corev1.PodTemplateSpec) (string, bool) {
	for prefix, values := range map[string]map[string]string{
		"metadata.labels['": template.Labels, "metadata.annotations['": template.Annotations,
	} {
		if rest, ok := strings.CutPrefix(path, prefix); ok {
			return values[strings.TrimSuffix(rest, "']")], true
		}
	}
	return "", false
}

// resourceValue is what the kubelet would have put for the app; not known when it
// would have taken the node's capacity, which the twin shows by itself.
func resourceValue(ref *corev1.ResourceFieldSelector, app *corev1.Container, template *corev1.PodTemplateSpec) (string, bool) {
	c := app
	for _, list := range [][]corev1.Container{template.Spec.Containers, template.Spec.InitContainers} {
		for i := range list {
			if list[i].Name == ref.ContainerName {
				c = &list[i]
			}
		}
	}
	kind, name, _ := strings.Cut(ref.Resource, ".")
	quantity, set := c.Resources.Limits[corev1.ResourceName(name)]
	if kind == "requests" {
		// A container with a limit and no request has the limit as its request.
		if request, ok := c.Resources.Requests[corev1.ResourceName(name)]; ok {
			quantity, set = request, true
		}
		if !set {
			return "0", true
		}
	}
	if !set {
		return "", false
	}
	return divide(quantity, ref.Divisor, name == string(corev1.ResourceCPU)), true
}

// divide rounds up, as the kubelet does.
func divide(q, divisor resource.Quantity, milli bool) string {
	if divisor.IsZero() {
		divisor = resource.MustParse("1")
	}
	value, by := q.Value(), divisor.Value()
	if milli {
		value, by = q.MilliValue(), divisor.MilliValue()
	}
	if by <= 0 {
		by = 1
	}
	return fmt.Sprint((value + by - 1) / by)
}
