package controller

import (
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// health is how the agent's pod is doing, in words for a person.
type health struct {
	ready bool
	// failed: it won't get well by waiting.
	failed  bool
	reason  string
	message string
}

// hopeless are the reasons of a waiting container that don't pass by themselves.
var hopeless = []string{
	"ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "CreateContainerConfigError", "CreateContainerError",
	"RunContainerError", "CrashLoopBackOff",
}

// diagnose finds the most telling reason why the agent does not run.
func diagnose(w *World) health {
	d, pod := w.agentDeployment(), w.agentPod()
	if pod == nil {
		return diagnoseDeployment(d)
	}
	if c := podCondition(pod, corev1.PodScheduled); c != nil && c.Status == corev1.ConditionFalse {
		return health{reason: "Unschedulable", message: fmt.Sprintf("the agent's pod %s can't be scheduled yet: %s", pod.Name, c.Message)}
	}
	for _, s := range pod.Status.ContainerStatuses {
		if h, found := diagnoseContainer(pod, s); found {
			return h
		}
	}
	if podReady(pod) {
		return health{ready: true, reason: "Running"}
	}
	return health{reason: "Starting", message: fmt.Sprintf("the agent's pod %s is starting", pod.Name)}
}

func diagnoseDeployment(d *appsv1.Deployment) health {
	if d == nil {
		return health{reason: "Creating", message: "the agent is being created"}
	}
	for _, c := range d.Status.Conditions {
		if c.Type == appsv1.DeploymentReplicaFailure && c.Status == corev1.ConditionTrue {
			return health{failed: true, reason: c.Reason, message: "the cluster refuses the agent's pod: " + c.Message}
		}
	}
	return health{reason: "Creating", message: "the agent's pod is being created"}
}

func diagnoseContainer(pod *corev1.Pod, s corev1.ContainerStatus) (health, bool) {
	w := s.State.Waiting
	if w == nil {
		return health{}, false
	}
	switch {
	case slices.Contains(hopeless, w.Reason):
		detail := w.Message
		if t := s.LastTerminationState.Terminated; t != nil && w.Reason == "CrashLoopBackOff" {
			detail = fmt.Sprintf("it ended with exit code %d: %s", t.ExitCode, t.Message)
		}
		return health{failed: true, reason: w.Reason, message: fmt.Sprintf("container %s of the agent's pod %s (image %s): %s: %s", s.Name, pod.Name, s.Image, w.Reason, detail)}, true
	case w.Reason == "ErrImagePull":
		return health{reason: w.Reason, message: fmt.Sprintf("image %s of the agent's pod %s can't be pulled: %s", s.Image, pod.Name, w.Message)}, true
	}
	return health{}, false
}

func podCondition(pod *corev1.Pod, kind corev1.PodConditionType) *corev1.PodCondition {
	for i := range pod.Status.Conditions {
		if pod.Status.Conditions[i].Type == kind {
			return &pod.Status.Conditions[i]
		}
	}
	return nil
}

func hasTwin(pod *corev1.Pod) bool {
	return slices.ContainsFunc(pod.Spec.Containers, func(c corev1.Container) bool { return c.Name == twinContainer })
}

// quotaFull: a ResourceQuota has no room. The API server's refusal has no cause of a
// type of its own, so that there is nothing but its words to tell it from others.
func quotaFull(err error) bool {
	return apierrors.IsForbidden(err) && strings.Contains(err.Error(), "exceeded quota: ")
}
