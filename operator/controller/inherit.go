package controller

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// Inherit is what of an app an admin lets an agent have. With nothing there is no twin.
type Inherit struct {
	// Environment is what the app's container sets by env and envFrom. What its image sets
	// comes with the image, whenever there is a twin.
	Environment bool
	// Files are the volumes that the app's container mounts.
	Files bool
	// Identity is the app's service account, with its token where the app has one.
	Identity bool
}

// InheritAll is an app's environment, files and identity.
var InheritAll = Inherit{Environment: true, Files: true, Identity: true}

func (i *Inherit) parts() []struct {
	name string
	on   *bool
} {
	return []struct {
		name string
		on   *bool
	}{{"environment", &i.Environment}, {"files", &i.Files}, {"identity", &i.Identity}}
}

// ParseInherit reads the names of what may be had.
func ParseInherit(names []string) (Inherit, error) {
	var out Inherit
	for _, name := range names {
		known := false
		for _, part := range out.parts() {
			if part.name == name {
				*part.on, known = true, true
			}
		}
		if !known {
			return Inherit{}, fmt.Errorf("%q: want environment, files, identity", name)
		}
	}
	return out, nil
}

// Names are those that ParseInherit reads.
func (i Inherit) Names() []string {
	var out []string
	for _, part := range i.parts() {
		if *part.on {
			out = append(out, part.name)
		}
	}
	return out
}

// any: there is something for a twin to be made for.
func (i Inherit) any() bool { return i.Environment || i.Files || i.Identity }

// missing says what the admin keeps from agents.
func (i Inherit) missing() (notes []string) {
	for _, part := range i.parts() {
		if !*part.on {
			notes = append(notes, fmt.Sprintf("nothing of the app's %s is here: the operator's settings keep it from agents", part.name))
		}
	}
	return notes
}

// allows tells whether a mount of the app may be the twin's. What names it by a variable
// needs the environment; a volume of nothing but the identity's tokens needs the identity.
func (s Settings) allows(m corev1.VolumeMount, v corev1.Volume) bool {
	tokensOnly := v.Projected != nil && len(s.Inherit.withoutTokens(v).Projected.Sources) == 0
	return s.Inherit.Files && (s.Inherit.Environment || m.SubPathExpr == "") && !tokensOnly
}

// withoutTokens leaves tokens out of a projected volume when the identity is not to be had.
func (i Inherit) withoutTokens(v corev1.Volume) corev1.Volume {
	if i.Identity || v.Projected == nil {
		return v
	}
	v = *v.DeepCopy()
	v.Projected.Sources = slices.DeleteFunc(v.Projected.Sources, func(p corev1.VolumeProjection) bool { return p.ServiceAccountToken != nil })
	return v
}
