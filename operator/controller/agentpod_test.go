package controller

import (
	"maps"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// rich is an app that has one of everything.
func rich() (*corev1.Service, *App) {
	svc := shopService("shop")
	svc.UID = "svc-1"
	svc.Spec.Ports = append(svc.Spec.Ports, corev1.ServicePort{Name: "low", Port: 443, TargetPort: intstr.FromInt32(443)}, corev1.ServicePort{Port: 7071})
	group := int64(2000)
	cpu, memory := resource.MustParse("1500m"), resource.MustParse("64Mi")
	links := false
	return svc, &App{ReadyPods: 1, Token: true, SharedClaims: map[string]bool{"pictures": true}, Template: &corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{
			Labels:      map[string]string{"app": "cart", "tier": "web"},
			Annotations: map[string]string{"sidecar.istio.io/inject": "true", "prometheus.io/scrape": "true"},
		},
		Spec: corev1.PodSpec{
			ServiceAccountName: "cart", Hostname: "cart", EnableServiceLinks: &links,
			SecurityContext:  &corev1.PodSecurityContext{FSGroup: &group, Sysctls: []corev1.Sysctl{{Name: "kernel.x", Value: "1"}}},
			Tolerations:      []corev1.Toleration{{Key: "shop"}},
			ImagePullSecrets: []corev1.LocalObjectReference{{Name: "registry"}},
			Affinity:         &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{}, PodAntiAffinity: &corev1.PodAntiAffinity{}},
			Volumes: []corev1.Volume{
				{Name: "config", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{}}},
				{Name: "scratch", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}},
				{Name: "pictures", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "pictures"}}},
				{Name: "db", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "db"}}},
				{Name: "info", VolumeSource: corev1.VolumeSource{DownwardAPI: &corev1.DownwardAPIVolumeSource{Items: []corev1.DownwardAPIVolumeFile{
					{Path: "labels", FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.labels"}},
					{Path: "tier", FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.labels['tier']"}},
					{Path: "name", FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.name"}},
				}}}},
				{Name: "others", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}},
			},
			Containers: []corev1.Container{
				{Name: "log", Image: "log:1", Ports: []corev1.ContainerPort{{Name: "metrics", ContainerPort: 9}}},
				{
					Name: "cart", Image: "cart:1", ImagePullPolicy: corev1.PullAlways, WorkingDir: "/srv",
					Ports:         []corev1.ContainerPort{{Name: "http", ContainerPort: 8080}},
					LivenessProbe: &corev1.Probe{}, ReadinessProbe: &corev1.Probe{},
					Resources: corev1.ResourceRequirements{Limits: corev1.ResourceList{corev1.ResourceCPU: cpu, corev1.ResourceMemory: memory}},
					EnvFrom:   []corev1.EnvFromSource{{Prefix: "X_"}},
					Env: []corev1.EnvVar{
						{Name: "PLAIN", Value: "1"},
						{Name: "CPU", ValueFrom: &corev1.EnvVarSource{ResourceFieldRef: &corev1.ResourceFieldSelector{Resource: "limits.cpu"}}},
						{Name: "MILLI", ValueFrom: &corev1.EnvVarSource{ResourceFieldRef: &corev1.ResourceFieldSelector{Resource: "requests.cpu", Divisor: resource.MustParse("1m")}}},
						{Name: "MEMORY", ValueFrom: &corev1.EnvVarSource{ResourceFieldRef: &corev1.ResourceFieldSelector{Resource: "limits.memory", Divisor: resource.MustParse("1Mi")}}},
						{Name: "OTHER", ValueFrom: &corev1.EnvVarSource{ResourceFieldRef: &corev1.ResourceFieldSelector{ContainerName: "log", Resource: "requests.memory"}}},
						{Name: "TIER", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.labels['tier']"}}},
						{Name: "POD", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.name"}}},
					},
					VolumeMounts: []corev1.VolumeMount{
						{Name: "config", MountPath: "/config"}, {Name: "scratch", MountPath: "/scratch"},
						{Name: "pictures", MountPath: "/pictures"}, {Name: "db", MountPath: "/db"}, {Name: "claimed", MountPath: "/claimed"},
						{Name: "info", MountPath: "/info"}, {Name: "scratch", MountPath: "/parts", SubPathExpr: "$(PLAIN)"},
					},
				},
			},
		},
	}}
}

func richTemplate(inherit bool) corev1.PodTemplateSpec {
	svc, app := rich()
	b := blueprint{names: namesFor(svc.UID, svc.Name), service: svc, selector: svc.Spec.Selector, app: app, inherit: inherit, settings: Settings{Image: "agent:1", Inherit: InheritAll}}
	return b.podTemplate()
}

func TestTheTwinIsTheAppInAllButItsProgram(t *testing.T) {
	spec := richTemplate(true).Spec
	twin := spec.Containers[1]
	if twin.Name != twinContainer || twin.Image != "cart:1" || twin.ImagePullPolicy != corev1.PullAlways || twin.WorkingDir != "/srv" || len(twin.EnvFrom) != 1 {
		t.Errorf("twin %+v", twin)
	}
	list := `[{"path":"/config","volume":"updated","readOnly":true},{"path":"/scratch","volume":"scratch","name":"scratch"},{"path":"/pictures","volume":"other"},{"path":"/info","volume":"updated","readOnly":true},` +
		`{"path":"/parts","volume":"scratch","name":"scratch","subPathExpr":"$$(PLAIN)"},` +
		`{"path":"/var/run/secrets/kubernetes.io/serviceaccount","volume":"updated","readOnly":true}]`
	if got := strings.Join(twin.Command, " "); got != "/kt/tunnel-agent twin --socket /kt/twin.sock --mounts "+list {
		t.Errorf("command %s", got)
	}
	if twin.LivenessProbe != nil || twin.ReadinessProbe != nil || twin.Ports != nil {
		t.Error("a probe or port was taken over")
	}
	env := map[string]string{}
	for _, e := range twin.Env {
		env[e.Name] = e.Value
	}
	for name, want := range map[string]string{"PLAIN": "1", "CPU": "2", "MILLI": "1500", "MEMORY": "64", "OTHER": "0", "TIER": "web", "POD": ""} {
		if env[name] != want {
			t.Errorf("%s=%q, want %q", name, env[name], want)
		}
	}
	var mounts []string
	for _, m := range twin.VolumeMounts {
		mounts = append(mounts, m.MountPath)
	}
	if want := []string{"/config", "/scratch", "/pictures", "/info", "/parts", tokenPath, sharedPath}; !slices.Equal(mounts, want) {
		t.Errorf("mounts %v, want %v", mounts, want)
	}
	if spec.ServiceAccountName != "cart" || *spec.SecurityContext.FSGroup != 2000 || *spec.EnableServiceLinks {
		t.Errorf("pod %+v", spec)
	}
}

func TestDownwardVolumesShowTheAppsLabels(t *testing.T) {
	template := richTemplate(true)
	shown := map[string]string{}
	for _, v := range template.Spec.Volumes {
		if v.DownwardAPI == nil {
			continue
		}
		for _, item := range v.DownwardAPI.Items {
			name := strings.TrimSuffix(strings.TrimPrefix(item.FieldRef.FieldPath, "metadata.annotations['"), "']")
			shown[item.Path] = item.FieldRef.FieldPath
			if value, ours := template.Annotations[name]; ours {
				shown[item.Path] = value
			}
		}
	}
	want := map[string]string{"labels": "app=\"cart\"\ntier=\"web\"", "tier": "web", "name": "metadata.name"}
	if !maps.Equal(shown, want) {
		t.Errorf("%q, want %q", shown, want)
	}
}

func TestTheAgentItselfHasNothingOfTheApps(t *testing.T) {
	for _, inherit := range []bool{true, false} {
		spec := richTemplate(inherit).Spec
		agent := spec.Containers[0]
		for _, m := range agent.VolumeMounts {
			if m.MountPath != configPath && m.MountPath != sharedPath {
				t.Errorf("agent mounts %s", m.MountPath)
			}
		}
		if *spec.AutomountServiceAccountToken || len(agent.Env) > 0 || len(agent.EnvFrom) > 0 {
			t.Error("agent has the app's token or environment")
		}
		s := agent.SecurityContext
		if !*s.RunAsNonRoot || *s.AllowPrivilegeEscalation || !*s.ReadOnlyRootFilesystem || s.Capabilities.Add != nil || s.SeccompProfile == nil {
			t.Errorf("not restricted: %+v", s)
		}
		if agent.ReadinessProbe != nil {
			t.Error("a readiness probe would be waited for")
		}
	}
}

func TestWithoutInheritThereIsNoTwinAndNoIdentity(t *testing.T) {
	spec := richTemplate(false).Spec
	if len(spec.Containers) != 1 || spec.ServiceAccountName != "" || len(spec.Volumes) != 1 || spec.Containers[0].Lifecycle != nil || spec.SecurityContext.FSGroup != nil {
		t.Fatalf("%+v", spec)
	}
	if strings.Contains(strings.Join(spec.Containers[0].Command, " "), "twin") {
		t.Fatalf("%v", spec.Containers[0].Command)
	}
}

func TestTheAgentRunsWhereTheAppMay(t *testing.T) {
	template := richTemplate(true)
	spec := template.Spec
	if spec.Affinity.NodeAffinity == nil || spec.Affinity.PodAntiAffinity != nil || len(spec.Tolerations) != 3 || *spec.Tolerations[2].TolerationSeconds != 0 || len(spec.ImagePullSecrets) != 1 || spec.Hostname != "" {
		t.Errorf("%+v", spec)
	}
	if template.Annotations["sidecar.istio.io/inject"] != "true" || template.Annotations["prometheus.io/scrape"] != "" {
		t.Errorf("annotations %v", template.Annotations)
	}
}

func TestNoSelectorOfTheAppFindsTheAgent(t *testing.T) {
	template := richTemplate(true)
	if _, has := template.Labels["tier"]; has || template.Labels["app"] == "cart" {
		t.Fatalf("labels %v", template.Labels)
	}
	n := namesFor("svc-1", "cart")
	if !n.isAgentSelector(map[string]string{"app": template.Labels["app"]}) {
		t.Fatalf("the Service would not find it: %v", template.Labels)
	}
	// A chart's labels in the selector, which are ours as well.
	labels := n.podLabels(map[string]string{"app.kubernetes.io/managed-by": "Helm"})
	if labels["app.kubernetes.io/managed-by"] != n.base {
		t.Fatalf("labels %v", labels)
	}
}

func TestPortsOfTheAgent(t *testing.T) {
	template := richTemplate(false)
	agent := template.Spec.Containers[0]
	if want := []corev1.ContainerPort{{Name: "http", ContainerPort: 8080, Protocol: corev1.ProtocolTCP}}; !slices.Equal(agent.Ports, want) {
		t.Errorf("named ports %+v", agent.Ports)
	}
	command := strings.Join(agent.Command, " ")
	// 7071 is the app's.
	if !strings.Contains(command, "--control :7072 ") || !strings.Contains(command, "--tunnel 127.0.0.1:7070") || template.Annotations[annotationControlPort] != "7072" {
		t.Errorf("%s, %v", command, template.Annotations)
	}
	if s := template.Spec.SecurityContext.Sysctls; len(s) != 1 || s[0].Name != "net.ipv4.ip_unprivileged_port_start" || s[0].Value != "0" {
		t.Errorf("sysctls %v", s)
	}
}

func TestWhatTheTwinLacksIsTold(t *testing.T) {
	svc, app := rich()
	b := blueprint{names: namesFor(svc.UID, svc.Name), service: svc, app: app, inherit: true, settings: Settings{Inherit: InheritAll}}
	want := []string{
		"/scratch is empty: it is a scratch volume of each pod",
		"/db is missing: PersistentVolumeClaim db can be mounted by the app alone",
		"/claimed is missing: each of the app's pods has a volume of its own there",
		"/parts is empty: it is a scratch volume of each pod",
	}
	if got := b.notes(); !slices.Equal(got, want) {
		t.Fatalf("%q", got)
	}
}

func TestNamesFit(t *testing.T) {
	n := namesFor("3bfc3dc2-2ab3-4763-9620-d462380e2d36", strings.Repeat("x", 63))
	for _, name := range []string{n.agent(), n.origin(), n.binding("in")} {
		if len(name) > 63 {
			t.Errorf("%s is too long", name)
		}
	}
	if namesFor("a", "x").base == namesFor("b", "x").base {
		t.Error("two Services have the same names")
	}
}
