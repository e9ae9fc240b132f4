package controller

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

func amounts(cpu, memory string) corev1.ResourceList {
	list := corev1.ResourceList{}
	if cpu != "" {
		list[corev1.ResourceCPU] = resource.MustParse(cpu)
	}
	if memory != "" {
		list[corev1.ResourceMemory] = resource.MustParse(memory)
	}
	return list
}

func TestResourcesAreBroughtIntoWhatLimitRangesAllow(t *testing.T) {
	limitedApp := corev1.ResourceRequirements{Limits: amounts("2", "1Gi")}
	for name, row := range map[string]struct {
		app              corev1.ResourceRequirements
		items            []corev1.LimitRangeItem
		requests, limits corev1.ResourceList
	}{
		"no range":                    {limitedApp, nil, amounts("5m", "16Mi"), amounts("1", "512Mi")},
		"more is the least":           {corev1.ResourceRequirements{}, []corev1.LimitRangeItem{{Min: amounts("50m", "64Mi")}}, amounts("50m", "64Mi"), nil},
		"less is the most":            {limitedApp, []corev1.LimitRangeItem{{Max: amounts("500m", "256Mi")}}, amounts("5m", "16Mi"), amounts("500m", "256Mi")},
		"a ratio to our limit":        {limitedApp, []corev1.LimitRangeItem{{MaxLimitRequestRatio: amounts("4", "2")}}, amounts("250m", "256Mi"), amounts("1", "512Mi")},
		"a ratio to a default limit":  {corev1.ResourceRequirements{}, []corev1.LimitRangeItem{{Default: amounts("300m", "90Mi"), MaxLimitRequestRatio: amounts("10", "3")}}, amounts("30m", "30Mi"), nil},
		"a default less than ours":    {corev1.ResourceRequirements{}, []corev1.LimitRangeItem{{Default: amounts("2m", "8Mi")}}, amounts("2m", "8Mi"), nil},
		"two ranges":                  {limitedApp, []corev1.LimitRangeItem{{Min: amounts("10m", "")}, {Max: amounts("", "128Mi")}}, amounts("10m", "16Mi"), amounts("1", "128Mi")},
		"the most is less than least": {limitedApp, []corev1.LimitRangeItem{{Min: amounts("20m", "32Mi"), Max: amounts("20m", "32Mi")}}, amounts("20m", "32Mi"), amounts("20m", "32Mi")},
	} {
		t.Run(name, func(t *testing.T) {
			got := within(smallResources(row.app, "512Mi"), row.items)
			for what, pair := range map[string][2]corev1.ResourceList{"request": {got.Requests, row.requests}, "limit": {got.Limits, row.limits}} {
				if len(pair[0]) != len(pair[1]) {
					t.Errorf("%ss: %v, want %v", what, pair[0], pair[1])
				}
				for name, want := range pair[1] {
					if have := pair[0][name]; have.Cmp(want) != 0 {
						t.Errorf("%s of %s: %s, want %s", what, name, have.String(), want.String())
					}
				}
			}
		})
	}
}
