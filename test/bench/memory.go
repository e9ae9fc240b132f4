package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// serverRSS is tunnel-server's resident memory now.
func (b *bench) serverRSS() (float64, error) {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", b.editor.PID()))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(content)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "VmRSS:" {
			kilobytes, err := strconv.ParseFloat(f[1], 64)
			return kilobytes / 1024, err
		}
	}
	return 0, fmt.Errorf("no VmRSS for process %d", b.editor.PID())
}

// summary is what of a kubelet's /stats/summary is asked here.
type summary struct {
	Pods []struct {
		PodRef     struct{ Name, Namespace string } `json:"podRef"`
		Containers []struct {
			Name   string `json:"name"`
			Memory struct {
				RSSBytes float64 `json:"rssBytes"`
			} `json:"memory"`
		} `json:"containers"`
	} `json:"pods"`
}

// memory tells the resident memory of all three parts, after the load.
func (b *bench) memory(ctx context.Context, idle float64) error {
	now, err := b.serverRSS()
	if err != nil {
		return err
	}
	b.report.add("memory of tunnel-server, no session", idle, "MiB")
	b.report.add("memory of tunnel-server, after the load", now, "MiB")
	nodes, err := b.cluster.Kube.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for i := range nodes.Items {
		raw, err := b.cluster.Kube.CoreV1().RESTClient().Get().Resource("nodes").Name(nodes.Items[i].Name).SubResource("proxy").Suffix("stats/summary").Do(ctx).Raw()
		if err != nil {
			return err
		}
		var s summary
		if err := json.Unmarshal(raw, &s); err != nil {
			return err
		}
		b.tellMemory(s)
	}
	return nil
}

func (b *bench) tellMemory(s summary) {
	for _, pod := range s.Pods {
		for _, c := range pod.Containers {
			var who string
			switch {
			case pod.PodRef.Namespace == "kubetunnel-system":
				who = "operator"
			case pod.PodRef.Namespace == namespace && c.Name == "agent":
				who = "agent, after the load"
			case pod.PodRef.Namespace == namespace && c.Name == "twin":
				who = "twin"
			default:
				continue
			}
			b.report.add("memory of the "+who, c.Memory.RSSBytes/(1<<20), "MiB")
		}
	}
}
