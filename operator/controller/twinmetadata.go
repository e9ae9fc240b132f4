package controller

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// annotationInherited begins the annotations that hold what the app's own labels and
// annotations say: the agent pod has others, and must have.
const annotationInherited = annotationPrefix + "inherited-"

// maxInherited bounds them; the API server takes 256 KiB of annotations in all.
const maxInherited = 128 << 10

// inheritMetadata lets downwardAPI volumes show the app's labels and annotations, by
// annotations of the agent pod, which it gives.
func inheritMetadata(volumes []corev1.Volume, template *corev1.PodTemplateSpec) map[string]string {
	inherited, size := map[string]string{}, 0
	show := func(items []corev1.DownwardAPIVolumeFile) {
		for i := range items {
			ref := items[i].FieldRef
			if ref == nil {
				continue
			}
			text, known := metadataText(ref.FieldPath, template)
			if size += len(text); !known || size > maxInherited {
				continue
			}
			name := annotationInherited + shortHash(ref.FieldPath)
			inherited[name] = text
			ref.FieldPath = "metadata.annotations['" + name + "']"
		}
	}
	for _, v := range volumes {
		if v.DownwardAPI != nil {
			show(v.DownwardAPI.Items)
		}
		if v.Projected != nil {
			for _, source := range v.Projected.Sources {
				if source.DownwardAPI != nil {
					show(source.DownwardAPI.Items)
				}
			}
		}
	}
	return inherited
}

// metadataText is what the kubelet writes for a field that is the app's.
func metadataText(path string, template *corev1.PodTemplateSpec) (string, bool) {
	switch path {
	case "metadata.labels":
		return formatMap(template.Labels), true
	case "metadata.annotations":
		return formatMap(template.Annotations), true
	}
	return metadataValue(path, template)
}

// formatMap is the form in which downwardAPI volumes show labels and annotations.
func formatMap(values map[string]string) string {
	var lines []string
	for _, key := range slices.Sorted(maps.Keys(values)) {
		lines = append(lines, fmt.Sprintf("%s=%q", key, values[key]))
	}
	return strings.Join(lines, "\n")
}
