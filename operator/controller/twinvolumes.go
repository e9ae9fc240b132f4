package controller

import (
	"encoding/json"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubetunnel/kubetunnel/engine/tunnel"
)

// volumes are those that the app's container mounts, with its mounts. Left out are
// claims that one node or pod holds alone: the agent could wait for them forever.
// Shared memory and caches (emptyDir, ephemeral) come up empty.
func (b blueprint) volumes(app *corev1.Container) ([]corev1.Volume, []corev1.VolumeMount) {
	byName := map[string]corev1.Volume{}
	for _, v := range b.app.Template.Spec.Volumes {
		byName[v.Name] = v
	}
	var volumes []corev1.Volume
	var mounts []corev1.VolumeMount
	added, token := map[string]bool{}, b.app.Token && b.settings.Inherit.Identity
	for _, m := range app.VolumeMounts {
		v, known := byName[m.Name]
		if !known || b.unshared(v) != "" || !b.settings.allows(m, v) {
			continue
		}
		if m.MountPath == tokenPath {
			token = false
		}
		mounts = append(mounts, m)
		if !added[v.Name] {
			added[v.Name] = true
			volumes = append(volumes, twinVolume(b.settings.Inherit.withoutTokens(v)))
		}
	}
	if token {
		volumes = append(volumes, tokenVolume())
		mounts = append(mounts, corev1.VolumeMount{Name: tokenVolume().Name, MountPath: tokenPath, ReadOnly: true})
	}
	return volumes, mounts
}

// mountList tells the twin which mounts are the app's. The kubelet expands $(NAME) in
// a command; $$ stands for $ there.
func mountList(mounts []corev1.VolumeMount, volumes []corev1.Volume) string {
	kinds := map[string]string{}
	for _, v := range volumes {
		kinds[v.Name] = volumeKind(v)
	}
	list := []tunnel.Mount{}
	for _, m := range mounts {
		mount := tunnel.Mount{Path: m.MountPath, Volume: kinds[m.Name], ReadOnly: m.ReadOnly || kinds[m.Name] == tunnel.VolumeUpdated}
		if mount.Volume == tunnel.VolumeScratch {
			mount.Name, mount.SubPath, mount.SubPathExpr = m.Name, m.SubPath, m.SubPathExpr
		}
		list = append(list, mount)
	}
	text, err := json.Marshal(list)
	if err != nil {
		return "[]" // can't be: the list holds nothing but text
	}
	return strings.ReplaceAll(string(text), "$", "$$")
}

func volumeKind(v corev1.Volume) string {
	switch {
	case v.ConfigMap != nil, v.Secret != nil, v.Projected != nil, v.DownwardAPI != nil:
		return tunnel.VolumeUpdated
	case v.EmptyDir != nil, v.Ephemeral != nil:
		return tunnel.VolumeScratch
	}
	return tunnel.VolumeOther
}

// unshared says why a volume can't be mounted by the twin, "" if it can.
func (b blueprint) unshared(v corev1.Volume) string {
	if c := v.PersistentVolumeClaim; c != nil && !b.app.SharedClaims[c.ClaimName] {
		return fmt.Sprintf("PersistentVolumeClaim %s can be mounted by the app alone", c.ClaimName)
	}
	return ""
}

// twinVolume is the app's volume as the twin's pod has it.
func twinVolume(v corev1.Volume) corev1.Volume {
	v = *v.DeepCopy()
	if v.Ephemeral != nil {
		v.VolumeSource = corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}
	}
	if d := v.DownwardAPI; d != nil {
		renameContainer(d.Items)
	}
	if p := v.Projected; p != nil {
		for i := range p.Sources {
			if d := p.Sources[i].DownwardAPI; d != nil {
				renameContainer(d.Items)
			}
		}
	}
	return v
}

// renameContainer lets resource fields name the twin, as there is no container of the app's name.
func renameContainer(items []corev1.DownwardAPIVolumeFile) {
	for i := range items {
		if items[i].ResourceFieldRef != nil {
			items[i].ResourceFieldRef.ContainerName = twinContainer
		}
	}
}

// tokenVolume is what the API server adds to pods by itself. It is written out
// here, so that only the twin has the app's identity and not the agent.
func tokenVolume() corev1.Volume {
	expiry, mode := int64(3607), int32(0o644)
	return corev1.Volume{Name: "kubetunnel-token", VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{
		DefaultMode: &mode,
		Sources: []corev1.VolumeProjection{
			{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{Path: "token", ExpirationSeconds: &expiry}},
			{ConfigMap: &corev1.ConfigMapProjection{
				LocalObjectReference: corev1.LocalObjectReference{Name: "kube-root-ca.crt"},
				Items:                []corev1.KeyToPath{{Key: "ca.crt", Path: "ca.crt"}},
			}},
			{DownwardAPI: &corev1.DownwardAPIProjection{Items: []corev1.DownwardAPIVolumeFile{{
				Path: "namespace", FieldRef: &corev1.ObjectFieldSelector{APIVersion: "v1", FieldPath: "metadata.namespace"},
			}}}},
		},
	}}}
}

// notes tell what the twin can't have of the app, for the Intercept's message.
func (b blueprint) notes() []string {
	if !b.inherit {
		return nil
	}
	notes := b.settings.Inherit.missing()
	app := appContainer(b.service, b.app.Template)
	byName := map[string]corev1.Volume{}
	for _, v := range b.app.Template.Spec.Volumes {
		byName[v.Name] = v
	}
	for _, m := range app.VolumeMounts {
		v, known := byName[m.Name]
		switch {
		case !known:
			notes = append(notes, fmt.Sprintf("%s is missing: each of the app's pods has a volume of its own there", m.MountPath))
		case !b.settings.Inherit.Files:
			// Said once, for all of them.
		case !b.settings.allows(m, v):
			notes = append(notes, fmt.Sprintf("%s is missing: the operator's settings keep from agents what it is made of", m.MountPath))
		case b.unshared(v) != "":
			notes = append(notes, fmt.Sprintf("%s is missing: %s", m.MountPath, b.unshared(v)))
		case v.EmptyDir != nil || v.Ephemeral != nil:
			notes = append(notes, fmt.Sprintf("%s is empty: it is a scratch volume of each pod", m.MountPath))
		}
	}
	return notes
}
