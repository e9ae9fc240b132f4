package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

//go:embed dual.yaml
var dualStack string

// groupIPv6 are the questions that only a cluster of both families can answer.
const groupIPv6 = "IPv6"

// callerByIPv6 is how the caller calls itself when it calls by IPv6.
const callerByIPv6 = "sixth"

// questionsOfIPv6 are the Go probe's.
var questionsOfIPv6 = join(
	raw(groupIPv6, "address6"),
	of(groupIPv6,
		"env POD_IPS", "env HOST_IPS", "prefix6 eth0", "route6",
		"lookup dual", "lookup6 dual", "lookup six", "lookup6 six", "lookup dual-headless", "lookup6 dual-headless", "lookup6 dual.{namespace}.svc.cluster.local.", "lookupaddr {dual.clusterIP6}",
		"dns AAAA dual.{namespace}.svc.cluster.local", "dns A six.{namespace}.svc.cluster.local", "dns PTR {dual.reverse6}", "dns SRV _talk._tcp.six.{namespace}.svc.cluster.local",
		"connect dual:80", "connect six:80", "connect [{dual.clusterIP6}]:80", "connect [{web.ip6}]:7001", "connect dual-headless:7001", "connect dual:7999", "connect [{dual.clusterIP6}]:7999", "connect [{dual.clusterIP6}]:81",
		"connect [{web.ip6}]:7999", "connect [{dual.empty6}]:80", "connect [{unused.ip6}]:80", "connect [{unused.clusterIP6}]:80", "connect [{web.ip6}]:7003", "connect [{own.ip6}]:7999", "connect [{node.ip6}]:9",
		"port [{web.ip6}]:7001", "closed six:80", "aborted six:80", "many six:80 200",
		"whoami six:80", "whoami [{web.ip6}]:7001", "local six:80", "remote [{dual.clusterIP6}]:80", "halfclose six:80", "receive [{dual.clusterIP6}]:7002", "receive [{dual.clusterIP6}]:7004",
		"udp six:53 10", "udp [{web.ip6}]:7006 1400", "udp [{web.ip6}]:7006 60000", "udpwhoami six:53", "udpfrom six:53", "udptwice [{web.ip6}]:7998", "udp [{unused.ip6}]:80 10",
		"bind [{own.ip6}]:8081", "bind [{web.ip6}]:8081", "self :: {own.ip6}", "self ::1 {own.ip6}", "self {own.ip6} ::1", "selfudp :: {own.ip6}",
		"called6 [::]:8080", "called6 [{own.ip6}]:8080", "called6 [::1]:8080", "hairpin [::]:8080 [{target.clusterIP6}]:80"),
)

// everyRuntimeByIPv6 are for the other runtimes, which have sockets and resolvers of their own.
var everyRuntimeByIPv6 = join(
	raw(groupIPv6, "address6"),
	of(groupIPv6, "lookup dual", "lookup six", "connect six:80", "connect dual:80", "connect [{web.ip6}]:7999", "whoami six:80", "local six:80", "remote six:80", "halfclose six:80", "udpwhoami [{web.ip6}]:7006", "called [::]:8080"),
)

// widen makes what only a cluster of both families has; another is not asked for it.
func (w *world) widen(ctx context.Context) error {
	err := w.cluster.Apply(ctx, namespace, w.fill(dualStack))
	_, noIPv6 := os.Stat("/proc/sys/net/ipv6")
	if w.narrow = apierrors.IsInvalid(err) && (!w.cluster.Own() || noIPv6 != nil); !w.narrow {
		return err
	}
	say("the cluster has one family: nothing is asked about IPv6")
	for i := range w.probes {
		w.probes[i].asked = slices.DeleteFunc(slices.Clone(w.probes[i].asked), func(q question) bool { return q.group == groupIPv6 })
	}
	return nil
}

// learnIPv6 finds the IPv6 addresses.
func (w *world) learnIPv6(ctx context.Context, web *corev1.Pod) error {
	if w.narrow {
		return nil
	}
	if len(web.Status.PodIPs) < 2 || len(web.Status.HostIPs) < 2 {
		return fmt.Errorf("pod %s has the addresses %v on a node of %v: none of IPv6", web.Name, web.Status.PodIPs, web.Status.HostIPs)
	}
	w.known["web.ip6"], w.known["node.ip6"] = web.Status.PodIPs[1].IP, web.Status.HostIPs[1].IP
	address, err := netip.ParseAddr(w.known["web.ip6"])
	if err != nil {
		return err
	}
	unused := address.As16()
	unused[15], unused[14] = 0xfe, 0xff
	w.known["unused.ip6"] = netip.AddrFrom16(unused).String()
	for service, name := range map[string]string{"dual": "dual.clusterIP6", "dual-empty": "dual.empty6"} {
		s, err := w.cluster.Kube.CoreV1().Services(namespace).Get(ctx, service, metav1.GetOptions{})
		if err != nil {
			return err
		}
		w.known[name] = s.Spec.ClusterIPs[1]
	}
	w.known["dual.reverse6"] = reverse6(w.known["dual.clusterIP6"])
	six := corev1.IPFamilyPolicySingleStack
	free, err := w.cluster.Kube.CoreV1().Services(namespace).Create(ctx, &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: "unused"},
		Spec:       corev1.ServiceSpec{IPFamilyPolicy: &six, IPFamilies: []corev1.IPFamily{corev1.IPv6Protocol}, Ports: []corev1.ServicePort{{Port: 80}}},
	}, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	if err != nil {
		return err
	}
	w.known["unused.clusterIP6"] = free.Spec.ClusterIP
	return nil
}

// addressesOf are a target's Service's, IPv4 and IPv6; the second is "" where there is none.
func (w *world) addressesOf(ctx context.Context, service string) (ipv4, ipv6 string, err error) {
	s, err := w.cluster.Kube.CoreV1().Services(namespace).Get(ctx, service, metav1.GetOptions{})
	if err != nil {
		return "", "", err
	}
	for _, text := range s.Spec.ClusterIPs {
		switch a, err := netip.ParseAddr(text); {
		case err != nil:
			return "", "", err
		case a.Is4():
			ipv4 = text
		default:
			ipv6 = text
		}
	}
	if ipv4 == "" || ipv6 == "" && !w.narrow {
		return "", "", errors.New(service + " has not got both families: " + strings.Join(s.Spec.ClusterIPs, ", "))
	}
	return ipv4, ipv6, nil
}

// reverse6 is an IPv6 address's name for PTR questions (RFC 3596, section 2.5).
func reverse6(address string) string {
	a, err := netip.ParseAddr(address)
	if err != nil {
		return "no.address.ip6.arpa"
	}
	var b strings.Builder
	for _, octet := range slices.Backward(a.AsSlice()) {
		fmt.Fprintf(&b, "%x.%x.", octet&0xf, octet>>4)
	}
	return b.String() + "ip6.arpa"
}
