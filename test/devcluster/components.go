package main

import (
	"path/filepath"
)

// controlPlane are the command lines of the programs of the first node.
func controlPlane(l layout) map[string][]string {
	pki := func(name string) string { return filepath.Join(l.pki(), name) }
	hyperkube := filepath.Join(l.programs(), "hyperkube")
	return map[string][]string{
		"etcd": {hyperkube, "etcd", "--data-dir=" + filepath.Join(l.data(), "etcd")},
		"apiserver": {
			hyperkube, "kube-apiserver",
			"--advertise-address=" + l.nodeAddress(1), "--bind-address=0.0.0.0", "--secure-port=6443",
			"--etcd-servers=http://127.0.0.1:2379",
			"--client-ca-file=" + pki("ca.crt"), "--tls-cert-file=" + pki("apiserver.crt"), "--tls-private-key-file=" + pki("apiserver.key"),
			"--kubelet-client-certificate=" + pki("apiserver-kubelet.crt"), "--kubelet-client-key=" + pki("apiserver-kubelet.key"),
			// Names of nodes resolve nowhere.
			"--kubelet-preferred-address-types=InternalIP",
			"--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction", "--allow-privileged=true",
			"--service-account-issuer=https://kubernetes.default.svc." + clusterZone,
			"--service-account-key-file=" + pki("sa.pub"), "--service-account-signing-key-file=" + pki("sa.key"),
			"--service-cluster-ip-range=" + l.both(serviceRange, serviceRange6),
		},
		"controller-manager": {
			hyperkube, "kube-controller-manager", "--leader-elect=false", "--bind-address=127.0.0.1",
			"--kubeconfig=" + pki("controller-manager.conf"), "--authentication-kubeconfig=" + pki("controller-manager.conf"), "--authorization-kubeconfig=" + pki("controller-manager.conf"),
			"--cluster-signing-cert-file=" + pki("ca.crt"), "--cluster-signing-key-file=" + pki("ca.key"), "--root-ca-file=" + pki("ca.crt"),
			"--service-account-private-key-file=" + pki("sa.key"), "--use-service-account-credentials=true",
			"--kube-api-qps=200", "--kube-api-burst=400",
			"--node-monitor-grace-period=" + nodeGrace,
		},
		"scheduler": {
			hyperkube, "kube-scheduler", "--leader-elect=false", "--bind-address=127.0.0.1",
			"--kubeconfig=" + pki("scheduler.conf"), "--authentication-kubeconfig=" + pki("scheduler.conf"), "--authorization-kubeconfig=" + pki("scheduler.conf"),
		},
	}
}

// nodeGrace is after how much silence a node is taken for lost: less than the usual 50 s,
// for tests that wait for it, and as long as four of its signs of life.
const nodeGrace = "20s"

// nodePrograms are the command lines of the programs of every node.
func nodePrograms(d nodeDirs) map[string][]string {
	hyperkube := filepath.Join(d.programs(), "hyperkube")
	return map[string][]string{
		d.component("containerd"): {"containerd", "--config", d.dir("containerd.toml")},
		d.component("kubelet"): {
			hyperkube, "kubelet", "--config=" + d.dir("kubelet.yaml"), "--kubeconfig=" + d.dir("kubelet.conf"),
			"--hostname-override=" + nodeName(d.n), "--node-ip=" + d.both(d.nodeAddress(d.n), d.nodeAddress6(d.n)), "--root-dir=" + d.dir("kubelet"),
		},
		d.component("proxy"): {hyperkube, "kube-proxy", "--config=" + d.dir("proxy.yaml"), "--hostname-override=" + nodeName(d.n)},
	}
}

func containerdConfig(d nodeDirs, pause string) string {
	return `version = 2
root = "` + d.dir("containerd") + `"
state = "` + filepath.Join(d.run(), nodeName(d.n)+"-containerd") + `"
[grpc]
  address = "` + d.socket() + `"
[plugins."io.containerd.internal.v1.opt"]
  path = "` + d.dir("opt") + `"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "` + pause + `"
  restrict_oom_score_adj = true
  tolerate_missing_hugetlb_controller = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "` + d.cniPrograms() + `"
    conf_dir = "` + d.dir("cni") + `"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
`
}

func kubeletConfig(d nodeDirs, cgroup string) string {
	return `apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: ` + filepath.Join(d.pki(), "ca.crt") + `}}
authorization: {mode: Webhook}
address: ` + d.nodeAddress(d.n) + `
containerRuntimeEndpoint: unix://` + d.socket() + `
cgroupDriver: cgroupfs
cgroupRoot: /` + cgroup + `/` + nodeName(d.n) + `
failCgroupV1: false
enforceNodeAllocatable: []
failSwapOn: false
evictionHard: {memory.available: 100Mi, nodefs.available: 1%, nodefs.inodesFree: 1%, imagefs.available: 1%}
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
clusterDNS: [` + dnsAddress + `]
clusterDomain: ` + clusterZone + `
resolvConf: ` + d.dir("resolv.conf") + `
serializeImagePulls: false
registryPullQPS: 0
kubeAPIQPS: 200
kubeAPIBurst: 400
eventRecordQPS: 0
maxPods: 110
nodeLeaseDurationSeconds: 20
podLogsDir: ` + d.dir("pod-logs") + `
volumePluginDir: ` + d.dir("volume-plugins") + `
`
}

func proxyConfig(d nodeDirs) string {
	return `apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
clientConnection: {kubeconfig: ` + filepath.Join(d.pki(), "proxy.conf") + `}
mode: nftables
clusterCIDR: ` + d.both(podRange, podRange6) + `
conntrack: {maxPerCore: 0}
bindAddress: ` + d.nodeAddress(d.n) + `
healthzBindAddress: 127.0.0.1:10256
metricsBindAddress: 127.0.0.1:10249
nodePortAddresses: [` + d.both(d.nodeAddress(d.n)+"/32", `"`+d.nodeAddress6(d.n)+`/128"`) + `]
nftables: {minSyncPeriod: 10ms}
`
}
