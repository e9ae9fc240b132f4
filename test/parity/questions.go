package main

import "strings"

// question is one that the probes are asked. Its text is its name too: what is in
// braces stands for what is known only at run time.
type question struct {
	group, text string
	// raw: the pod's own name and address are told as they are.
	raw bool
}

// questions are what the Go probe is asked; the probes in other languages are asked
// those that their runtime answers in a way of its own.
var questions = join(
	of("environment",
		"env CURRENCY", "env WITH_SPACES", "env EMPTY", "env SEVERAL_LINES", "env REGION", "env PAYMENT_TOKEN", "env NOT_THERE",
		"env POD_NAME", "env POD_NAMESPACE", "env POD_IP", "env NODE_NAME", "env HOST_IP", "env ACCOUNT", "env TIER", "env OWNER",
		"env CPU_LIMIT", "env MEMORY_LIMIT", "env MEMORY_REQUEST", "env FLAG_TWO", "env FLAG_EMPTY", "env PAY_token", "env EDITION",
		"env HOSTNAME", "env KUBERNETES_SERVICE_HOST", "env KUBERNETES_PORT_443_TCP_ADDR", "env WEB_SERVICE_PORT_TALK", "env PATH",
		"env HOME", "env HTTP_PROXY", "env KUBECONFIG", "env WEB_SERVICE_HOST", "env WEB_PORT_53_UDP", "environ"),
	raw("environment", "env POD_UID", "hostname", "address"),
	of("process", "uname", "user", "groups", "cwd", "umask", "others", "status SigIgn", "status SigBlk", "status CapEff", "status CapBnd", "status CapAmb", "status NoNewPrivs", "status Seccomp",
		"read /proc/1/comm", "memory"),
	of("files",
		"ls /etc/settings", "modes /etc/settings", "mode /etc/settings", "owner /etc/settings", "owner /etc/settings/banner.txt", "read /etc/settings/banner.txt",
		"read /etc/settings/blob", "write /etc/settings/banner.txt", "create /etc/settings", "space /etc/settings",
		"ls /etc/payment", "modes /etc/payment", "mode /etc/payment/key.pem", "read /etc/payment/deep/er/token", "write /etc/payment/key.pem", "space /etc/payment",
		"ls /etc/all", "modes /etc/all", "read /etc/all/secret/token", "read /etc/all/namespace", "mode /etc/all/vault-token",
		"ls /etc/podinfo", "read /etc/podinfo/name", "read /etc/podinfo/labels", "read /etc/podinfo/annotations", "read /etc/podinfo/tier",
		"read /etc/podinfo/cpu", "read /etc/podinfo/memory",
		"ls /etc/optional", "mode /etc/optional", "ls /scratch", "mode /scratch", "owner /scratch", "create /scratch",
		"mode /cache/memory", "create /cache/memory", "space /cache/memory", "ls /cache",
		"read /opt/app/app.conf", "mode /opt/app/app.conf", "write /opt/app/app.conf", "ls /opt/app", "remove /opt/app/app.conf",
		"ls /data", "mode /data/part", "create /data/part", "create /data/named", "create /data/closed",
		"place /scratch", "place /cache/memory", "newown /scratch", "rename /scratch/part /data/part", "rename /scratch/part /scratch/EUR-files",
		"shared /scratch/part /data/part", "shared /data/named /scratch/EUR-files", "shared /data/part /data/closed/part",
		"read /etc/roots-own/banner.txt", "mode /etc/roots-own/banner.txt",
		"ls "+tokens, "modes "+tokens, "read "+tokens+"/namespace", "read "+tokens+"/ca.crt", "write "+tokens+"/token",
		"read /etc/resolv.conf", "read /etc/hosts", "read /etc/hostname", "create /tmp", "create /dev/shm", "create /", "ls /"),
	of("network", "links", "ls /sys/class/net", "mtu eth0", "prefix eth0", "route", "sysctl net/ipv4/ip_unprivileged_port_start", "sysctl net/ipv4/ip_local_port_range"),
	of("names",
		"lookup web", "lookup web.{namespace}", "lookup web.{namespace}.svc", "lookup web.{namespace}.svc.cluster.local", "lookup web.{namespace}.svc.cluster.local.",
		"lookup kubernetes.default", "lookup db", "lookup db-0.db", "lookup db-1.db.{namespace}.svc.cluster.local", "lookup alias", "lookup outside",
		"lookup empty", "lookup empty-headless", "lookup nowhere", "lookup nowhere.{namespace}.svc.cluster.local", "lookup nowhere.invalid",
		"lookup legacy", "lookup legacy.example.internal", "lookup localhost", "lookup {hostname}", "lookup many", "lookup6 web", "lookup WEB",
		"lookup workstation.kubetunnel.internal", "lookupsrv http tcp many", "lookupsrv talk tcp db", "lookupcname alias", "lookupaddr {web.clusterIP}", "lookupaddr {db-0.ip}", "lookupaddr 10.1.2.3"),
	of("DNS messages",
		"dns A web.{namespace}.svc.cluster.local", "dns A WeB.{namespace}.svc.cluster.local", "dns AAAA web.{namespace}.svc.cluster.local",
		"dns TXT web.{namespace}.svc.cluster.local", "dns SRV _talk._tcp.web.{namespace}.svc.cluster.local", "dns SRV _talk._tcp.db.{namespace}.svc.cluster.local",
		"dns A alias.{namespace}.svc.cluster.local", "dns A outside.{namespace}.svc.cluster.local", "dns A nowhere.{namespace}.svc.cluster.local",
		"dns A nowhere.invalid", "dns A empty-headless.{namespace}.svc.cluster.local", "dns PTR {web.reverse}", "dns SOA cluster.local", "dns NS cluster.local",
		"dns HTTPS web.{namespace}.svc.cluster.local", "dns A web.{namespace}.svc.cluster.local edns",
		"dns TXT dns-version.cluster.local", "dns A {web.dashes}.{namespace}.pod.cluster.local",
		"dns A many.{namespace}.svc.cluster.local", "dns A many.{namespace}.svc.cluster.local edns", "dns A many.{namespace}.svc.cluster.local tcp",
		"dns A web.{namespace}.svc.cluster.local tcp"),
	of("connections",
		"connect web:80", "connect {web.clusterIP}:80", "connect {web.ip}:7001", "connect db-0.db:7001", "connect {db-1.ip}:7001", "connect alias:80",
		"connect web:7999", "connect web:81", "connect {web.ip}:7999", "connect empty:80", "connect empty-headless:80", "connect nowhere:80",
		"connect {unused.ip}:80", "connect {unused.clusterIP}:80", "connect web:7003", "connect {web.ip}:7003", "connect {node.ip}:9", "connect 127.0.0.1:7999", "connect {own.ip}:7999",
		"connect localhost:7999", "connect {hostname}:7999", "connect [::1]:7999", "connect [fd12:3456:789a::1]:80", "connect legacy:80",
		"connect {node.ip}:{web.nodePort}", "connect web-node:80", "connect 0.0.0.0:7999", "connect 127.0.0.1:{workstation.port}", "connect 169.254.169.254:80",
		"port web:80", "closed web:80", "aborted web:80", "afterhalf web:80", "many web:80 200",
		"whoami web:80", "whoami {web.ip}:7001", "whoami db-1.db:7001", "local web:80", "remote {web.clusterIP}:80", "remote {web.ip}:7001",
		"halfclose web:80", "receive web:7002", "receive web:7004", "receive web:7005", "answered web:7002",
		"udp web:53 10", "udp {web.ip}:7006 1400", "udp {web.ip}:7006 9000", "udp {web.ip}:7006 60000", "udpwhoami web:53", "udpfrom web:53", "udpfrom {db-0.ip}:7006",
		"udp {web.ip}:7998 10", "udp web:7998 10", "udp empty:81 10", "udptwice {web.ip}:7998", "udp {unused.ip}:80 10",
		"ping {web.ip}", "ping 127.0.0.1", "ping {own.ip}"),
	of("listening",
		"bind 0.0.0.0:0", "bind 127.0.0.1:8080", "bind 0.0.0.0:80", "bind [::]:443", "bind {own.ip}:8081", "bind {web.ip}:8081",
		"self 0.0.0.0 127.0.0.1", "self 0.0.0.0 {own.ip}", "self 127.0.0.1 {own.ip}", "self {own.ip} 127.0.0.1", "self :: ::1", "self :: 127.0.0.1",
		"self 0.0.0.0 {hostname}", "self 127.0.0.1 localhost", "selfudp 0.0.0.0 {own.ip}", "selfudp 127.0.0.1 127.0.0.1",
		"called 0.0.0.0:8080", "called [::]:8080", "called {own.ip}:8080", "called 127.0.0.1:8080", "heard 0.0.0.0:8085", "hairpin 0.0.0.0:8080 {target.clusterIP}:80"),
	of("API server",
		"api /version", "api /api/v1/namespaces/{namespace}/pods", "api /api/v1/namespaces/{namespace}/secrets", "api /api/v1/nodes",
		"api /api/v1/namespaces/{namespace}/pods?watch=1&timeoutSeconds=1", "proxy http://web/", "proxy https://kubernetes.default/",
		"apiname /version kubernetes.default.svc", "apiname /version kubernetes.default:443", "identity"),
	raw("API server", "claim"),
	questionsOfIPv6,
)

// tokens is where every pod finds its identity.
const tokens = "/var/run/secrets/kubernetes.io/serviceaccount"

func of(group string, texts ...string) (out []question) {
	for _, text := range texts {
		out = append(out, question{group: group, text: text})
	}
	return out
}

func raw(group string, texts ...string) []question {
	out := of(group, texts...)
	for i := range out {
		out[i].raw = true
	}
	return out
}

func join(lists ...[]question) (out []question) {
	for _, list := range lists {
		out = append(out, list...)
	}
	return out
}

// ask makes what a probe reads: lines of an id, a tab, and the question in full.
func ask(list []question, known map[string]string) string {
	var pairs []string
	for name, value := range known {
		pairs = append(pairs, "{"+name+"}", value)
	}
	fill := strings.NewReplacer(pairs...)
	var b strings.Builder
	for _, q := range list {
		b.WriteString(q.text + "\t" + fill.Replace(q.text) + "\n")
	}
	return b.String()
}
