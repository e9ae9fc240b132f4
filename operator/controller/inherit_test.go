package controller

import (
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// twinWith is the twin of an app that has one of everything, with what an admin allows.
func twinWith(allowed Inherit) (corev1.PodSpec, corev1.Container, []string) {
	svc, app := rich()
	spec := &app.Template.Spec
	spec.Volumes = append(spec.Volumes,
		corev1.Volume{Name: "tokens", VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{
			{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{Audience: "vault"}},
		}}}},
		corev1.Volume{Name: "mixed", VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{
			{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{Audience: "vault"}}, {ConfigMap: &corev1.ConfigMapProjection{}},
		}}}})
	cart := &spec.Containers[1]
	cart.VolumeMounts = append(cart.VolumeMounts, corev1.VolumeMount{Name: "tokens", MountPath: "/tokens"}, corev1.VolumeMount{Name: "mixed", MountPath: "/mixed"})
	b := blueprint{
		names: namesFor(svc.UID, svc.Name), service: svc, selector: svc.Spec.Selector, app: app, inherit: true,
		settings: Settings{Image: "agent:1", Inherit: allowed},
	}
	pod := b.podTemplate().Spec
	return pod, pod.Containers[1], b.notes()
}

func TestATwinHasWhatTheAdminAllowsAndTheRestIsTold(t *testing.T) {
	for name, row := range map[string]struct {
		allowed Inherit
		account string
		env     bool
		mounts  string
		tokens  int
		told    []string
	}{
		"all":            {InheritAll, "cart", true, "/config /scratch /pictures /info /parts /tokens /mixed " + tokenPath, 2, nil},
		"no identity":    {Inherit{Environment: true, Files: true}, "", true, "/config /scratch /pictures /info /parts /mixed", 0, []string{"nothing of the app's identity", "/tokens is missing"}},
		"no environment": {Inherit{Files: true, Identity: true}, "cart", false, "/config /scratch /pictures /info /tokens /mixed " + tokenPath, 2, []string{"nothing of the app's environment", "/parts is missing"}},
		"no files":       {Inherit{Environment: true, Identity: true}, "cart", true, tokenPath, 0, []string{"nothing of the app's files"}},
		"identity only":  {Inherit{Identity: true}, "cart", false, tokenPath, 0, []string{"nothing of the app's environment", "nothing of the app's files"}},
	} {
		t.Run(name, func(t *testing.T) {
			pod, twin, notes := twinWith(row.allowed)
			if pod.ServiceAccountName != row.account {
				t.Errorf("service account %q", pod.ServiceAccountName)
			}
			if env := len(twin.Env)+len(twin.EnvFrom) > 0; env != row.env {
				t.Errorf("environment %v %v", twin.Env, twin.EnvFrom)
			}
			var mounts []string
			for _, m := range twin.VolumeMounts {
				if m.MountPath != sharedPath {
					mounts = append(mounts, m.MountPath)
				}
			}
			if got := strings.Join(mounts, " "); got != row.mounts {
				t.Errorf("mounts %s, want %s", got, row.mounts)
			}
			if got := appTokens(pod); got != row.tokens {
				t.Errorf("%d of the app's tokens, want %d", got, row.tokens)
			}
			for _, told := range row.told {
				if !slices.ContainsFunc(notes, func(note string) bool { return strings.HasPrefix(note, told) }) {
					t.Errorf("nobody is told of %s: %q", told, notes)
				}
			}
			if len(row.told) == 0 && strings.Contains(strings.Join(notes, " "), "settings") {
				t.Errorf("notes %q", notes)
			}
		})
	}
}

// appTokens counts the tokens for the audience that only the app's own volumes name.
func appTokens(pod corev1.PodSpec) (n int) {
	for _, v := range pod.Volumes {
		if v.Projected == nil {
			continue
		}
		for _, source := range v.Projected.Sources {
			if source.ServiceAccountToken != nil && source.ServiceAccountToken.Audience == "vault" {
				n++
			}
		}
	}
	return n
}

func TestWithNothingToInheritThereIsNoTwin(t *testing.T) {
	w := interceptedWorld(t, func(w *World) { w.Settings.Inherit = Inherit{} })
	p := &planner{w: w, n: w.names(), selector: w.Service.Spec.Selector, ruling: ruling{winners: w.Intercepts}}
	if spec := p.blueprint().podTemplate().Spec; len(spec.Containers) != 1 {
		t.Errorf("containers %+v", spec.Containers)
	}
}

func TestInheritIsReadAndWrittenByItsNames(t *testing.T) {
	for text, want := range map[string]Inherit{
		"environment,files,identity": InheritAll, "files": {Files: true}, "identity,environment": {Environment: true, Identity: true}, "": {},
	} {
		var names []string
		if text != "" {
			names = strings.Split(text, ",")
		}
		got, err := ParseInherit(names)
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
		if again, err := ParseInherit(got.Names()); err != nil || again != want {
			t.Errorf("%s is written as %v, %v", text, got.Names(), err)
		}
	}
	if _, err := ParseInherit([]string{"secrets"}); err == nil {
		t.Error("secrets were taken")
	}
}
