package controller

import (
	"context"
	"fmt"
	"math"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// limits are what the namespace's LimitRanges ask of each container, and of each pod.
func (g *gatherer) limits(ctx context.Context, namespace string) (items []corev1.LimitRangeItem, err error) {
	list := &corev1.LimitRangeList{}
	if err := g.live.List(ctx, list, client.InNamespace(namespace)); err != nil {
		return nil, fmt.Errorf("list LimitRanges: %w", err)
	}
	for i := range list.Items {
		for _, item := range list.Items[i].Spec.Limits {
			if item.Type == corev1.LimitTypeContainer || item.Type == corev1.LimitTypePod {
				items = append(items, item)
			}
		}
	}
	return items, nil
}

// within brings resources that are small into what LimitRanges allow: the app's own
// may be well inside, and ours would be refused for being less.
func within(r corev1.ResourceRequirements, items []corev1.LimitRangeItem) corev1.ResourceRequirements {
	for _, item := range items {
		if item.Type != corev1.LimitTypeContainer {
			continue
		}
		for _, name := range limitedResources {
			fit(&r, name, item)
		}
	}
	return r
}

var limitedResources = []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory}

// fit is within for one resource and one range.
func fit(r *corev1.ResourceRequirements, name corev1.ResourceName, item corev1.LimitRangeItem) {
	request := r.Requests[name]
	limit, limited := r.Limits[name]
	if least, set := item.Min[name]; set {
		request = larger(request, least)
		limit = larger(limit, least)
	}
	if most, set := item.Max[name]; set && limited && limit.Cmp(most) > 0 {
		limit = most
	}
	if limited {
		r.Limits[name] = limit
	} else if limit, limited = item.Default[name]; !limited {
		// What the API server takes for a limit where no default is told.
		limit, limited = item.Max[name]
	}
	if ratio, set := item.MaxLimitRequestRatio[name]; set && limited && ratio.MilliValue() > 0 {
		request = larger(request, part(limit, ratio))
	}
	if limited && request.Cmp(limit) > 0 {
		request = limit
	}
	r.Requests[name] = request
}

func larger(a, b resource.Quantity) resource.Quantity {
	if a.Cmp(b) >= 0 {
		return a
	}
	return b
}

// part is the least request that a limit may have by a ratio, rounded up.
func part(limit, ratio resource.Quantity) resource.Quantity {
	by := ratio.AsApproximateFloat64()
	if whole := limit.Value(); whole > 1<<20 { // bytes
		return *resource.NewQuantity(int64(math.Ceil(float64(whole)/by)), limit.Format)
	}
	return *resource.NewMilliQuantity(int64(math.Ceil(float64(limit.MilliValue())/by)), limit.Format)
}
