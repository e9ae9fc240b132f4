package controller

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
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
			for i := range row.items {
				row.items[i].Type = corev1.LimitTypeContainer
			}
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

func TestContainersTogetherAreBroughtIntoWhatLimitRangesAllowAPod(t *testing.T) {
	limited := corev1.ResourceRequirements{Limits: amounts("2", "1Gi")}
	for name, row := range map[string]struct {
		app      corev1.ResourceRequirements
		items    []corev1.LimitRangeItem
		requests [2]corev1.ResourceList
		limits   [2]corev1.ResourceList
	}{
		"no range": {corev1.ResourceRequirements{}, nil, [2]corev1.ResourceList{amounts("5m", "16Mi"), amounts("5m", "16Mi")}, [2]corev1.ResourceList{}},
		"more is the least": {
			corev1.ResourceRequirements{}, []corev1.LimitRangeItem{{Type: corev1.LimitTypePod, Min: amounts("50m", "64Mi")}},
			[2]corev1.ResourceList{amounts("45m", "48Mi"), amounts("5m", "16Mi")}, [2]corev1.ResourceList{},
		},
		"less is the most": {
			limited, []corev1.LimitRangeItem{{Type: corev1.LimitTypePod, Max: amounts("500m", "256Mi")}},
			[2]corev1.ResourceList{amounts("5m", "16Mi"), amounts("5m", "16Mi")}, [2]corev1.ResourceList{amounts("250m", "128Mi"), amounts("250m", "128Mi")},
		},
		"the most, without limits": {
			corev1.ResourceRequirements{}, []corev1.LimitRangeItem{{Type: corev1.LimitTypePod, Max: amounts("500m", "")}},
			[2]corev1.ResourceList{amounts("5m", "16Mi"), amounts("5m", "16Mi")}, [2]corev1.ResourceList{amounts("250m", ""), amounts("250m", "")},
		},
		"the most, with a container's default that fits": {
			corev1.ResourceRequirements{},
			[]corev1.LimitRangeItem{{Type: corev1.LimitTypeContainer, Default: amounts("100m", "")}, {Type: corev1.LimitTypePod, Max: amounts("500m", "")}},
			[2]corev1.ResourceList{amounts("5m", "16Mi"), amounts("5m", "16Mi")}, [2]corev1.ResourceList{amounts("100m", ""), amounts("100m", "")},
		},
		"a ratio": {
			limited, []corev1.LimitRangeItem{{Type: corev1.LimitTypePod, MaxLimitRequestRatio: amounts("4", "")}},
			[2]corev1.ResourceList{amounts("250m", "16Mi"), amounts("250m", "16Mi")}, [2]corev1.ResourceList{amounts("1", "512Mi"), amounts("1", "512Mi")},
		},
		"a least above our limits": {
			limited, []corev1.LimitRangeItem{{Type: corev1.LimitTypePod, Min: amounts("4", "")}},
			[2]corev1.ResourceList{amounts("3995m", "16Mi"), amounts("5m", "16Mi")}, [2]corev1.ResourceList{amounts("3995m", "512Mi"), amounts("1", "512Mi")},
		},
	} {
		t.Run(name, func(t *testing.T) {
			containers := []corev1.Container{{Resources: smallResources(row.app, "512Mi")}, {Resources: smallResources(row.app, "512Mi")}}
			withinPod(containers, row.items)
			for i, c := range containers {
				if !apiequality.Semantic.DeepEqual(c.Resources.Requests, row.requests[i]) {
					t.Errorf("container %d asks for %v, want %v", i, c.Resources.Requests, row.requests[i])
				}
				if !apiequality.Semantic.DeepEqual(c.Resources.Limits, row.limits[i]) {
					t.Errorf("container %d may have %v, want %v", i, c.Resources.Limits, row.limits[i])
				}
			}
		})
	}
}
