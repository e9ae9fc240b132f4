package controller

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// withinPod brings what containers ask for together into what LimitRanges allow a pod.
// What is too little is added to the first; what is too much, every one gives up.
func withinPod(containers []corev1.Container, items []corev1.LimitRangeItem) {
	for _, item := range items {
		if item.Type != corev1.LimitTypePod {
			continue
		}
		for _, name := range limitedResources {
			p := podShare{containers: containers, name: name}
			if most, set := item.Max[name]; set {
				p.most(most, items)
			}
			if ratio, set := item.MaxLimitRequestRatio[name]; set && ratio.MilliValue() > 0 {
				p.ratio(ratio)
			}
			if least, set := item.Min[name]; set {
				p.least(least)
			}
		}
	}
}

// podShare is one resource of a pod's containers.
type podShare struct {
	containers []corev1.Container
	name       corev1.ResourceName
}

// most keeps the limits to a sum. A container without one has what the API server would give it.
func (p podShare) most(most resource.Quantity, items []corev1.LimitRangeItem) {
	share := *resource.NewMilliQuantity(most.MilliValue()/int64(len(p.containers)), most.Format)
	var sum resource.Quantity
	limits := make([]resource.Quantity, len(p.containers))
	for i := range p.containers {
		limit, limited := p.containers[i].Resources.Limits[p.name]
		if !limited {
			limit, limited = usualLimit(p.name, items)
		}
		if !limited {
			limit = share
		}
		limits[i] = limit
		sum.Add(limit)
	}
	for i := range p.containers {
		r := &p.containers[i].Resources
		if sum.Cmp(most) > 0 && limits[i].Cmp(share) > 0 {
			limits[i] = share
		}
		if r.Limits == nil {
			r.Limits = corev1.ResourceList{}
		}
		r.Limits[p.name] = limits[i]
		if request := r.Requests[p.name]; request.Cmp(limits[i]) > 0 {
			r.Requests[p.name] = limits[i]
		}
	}
}

// usualLimit is what a container gets that has none.
func usualLimit(name corev1.ResourceName, items []corev1.LimitRangeItem) (resource.Quantity, bool) {
	for _, item := range slices.Backward(items) {
		if item.Type != corev1.LimitTypeContainer {
			continue
		}
		if limit, set := item.Default[name]; set {
			return limit, true
		}
		if limit, set := item.Max[name]; set {
			return limit, true
		}
	}
	return resource.Quantity{}, false
}

// ratio raises requests to what their limits ask for.
func (p podShare) ratio(ratio resource.Quantity) {
	for i := range p.containers {
		r := &p.containers[i].Resources
		if limit, limited := r.Limits[p.name]; limited {
			r.Requests[p.name] = larger(r.Requests[p.name], part(limit, ratio))
		}
	}
}

// least adds to the first container what the sum of the requests, or of the limits, lacks.
func (p podShare) least(least resource.Quantity) {
	first := &p.containers[0].Resources
	var requests, limits resource.Quantity
	limited := true
	for i := range p.containers {
		r := p.containers[i].Resources
		requests.Add(r.Requests[p.name])
		limit, set := r.Limits[p.name]
		limits.Add(limit)
		limited = limited && set
	}
	add := func(list corev1.ResourceList, sum resource.Quantity) {
		if lack := least.DeepCopy(); lack.Cmp(sum) > 0 {
			lack.Sub(sum)
			lack.Add(list[p.name])
			list[p.name] = lack
		}
	}
	add(first.Requests, requests)
	if limited {
		add(first.Limits, limits)
	}
	if limit, set := first.Limits[p.name]; set {
		first.Limits[p.name] = larger(limit, first.Requests[p.name])
	}
}
