package e2e

import (
	"bufio"
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
)

// followAgent puts an agent's log on the timeline: its pod is gone when a test has
// failed. A container's log can be had once the container runs.
func (l *timeline) followAgent(ctx context.Context, p *corev1.Pod) {
	if p.Labels["app.kubernetes.io/managed-by"] != "kubetunnel-operator" || p.Status.Phase != corev1.PodRunning || l.followed[p.Name] {
		return
	}
	l.followed[p.Name] = true
	l.group.Go(func() {
		if err := l.copyLog(ctx, p.Name); err != nil && ctx.Err() == nil {
			l.note(fmt.Sprintf("agent: no log of %s: %v", p.Name, err))
		}
	})
}

func (l *timeline) copyLog(ctx context.Context, pod string) error {
	stream, err := world.Kube.CoreV1().Pods(l.namespace).GetLogs(pod, &corev1.PodLogOptions{Container: "agent", Follow: true}).Stream(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = stream.Close() }()
	lines := bufio.NewScanner(stream)
	for lines.Scan() {
		l.note("agent: " + lines.Text())
	}
	return lines.Err()
}
