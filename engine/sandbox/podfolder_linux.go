package sandbox

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
)

// podFolder holds the files of the pod that the sandbox makes itself.
type podFolder struct {
	path string
	// whole: the folder above was made here as well.
	whole  string
	mounts []Mount
}

// fallbackNameserver is named where the pod has no resolv.conf that names one.
var fallbackNameserver = netip.AddrFrom4([4]byte{169, 254, 77, 3})

func newPodFolder(dir string, pod *Pod) (podFolder, error) {
	var f podFolder
	var err error
	if dir == "" {
		if dir, err = os.MkdirTemp("", "kubetunnel-pod-"); err != nil {
			return f, err
		}
		f.whole = dir
	}
	f.path = filepath.Join(dir, "pod")
	if err := os.MkdirAll(filepath.Join(f.path, "stage"), 0o700); err != nil {
		return f, err
	}
	for name, content := range map[string][]byte{
		"resolv.conf": resolvConf(pod), "hosts": hostsFile(pod), "hostname": []byte(pod.Hostname + "\n"), "nsswitch.conf": nsswitch(),
	} {
		if content == nil || (name == "hostname" && pod.Hostname == "") {
			continue
		}
		path := filepath.Join(f.path, name)
		if err := os.WriteFile(path, content, 0o644); err != nil {
			return f, err
		}
		f.mounts = append(f.mounts, Mount{Path: "/etc/" + name, Source: path})
	}
	return f, nil
}

// request is what the init is asked for.
func (f podFolder) request(pod *Pod) *initPod {
	s := &initPod{
		Hostname: pod.Hostname, Addresses: pod.addresses(), Stage: octets(filepath.Join(f.path, "stage")),
		// Resolvers of the workstation that libraries ask by a Unix socket, past resolv.conf.
		Hide: toOctets([]string{"/run/systemd/resolve", "/run/nscd", "/var/run/nscd"}),
	}
	// The pod's own volumes first: one may be /etc itself.
	for _, m := range append(append([]Mount{}, pod.Mounts...), f.mounts...) {
		s.Mounts = append(s.Mounts, initMount{Path: octets(m.Path), Source: octets(m.Source), ReadOnly: m.ReadOnly})
	}
	return s
}

func (f podFolder) remove() error {
	if f.path == "" {
		return nil
	}
	err := os.RemoveAll(f.path)
	if f.whole != "" {
		err = errors.Join(err, os.RemoveAll(f.whole))
	}
	return err
}

// resolvConf is the pod's. A nameserver on the pod's own loopback, which is also meant
// where none is named, could not be answered from here: the fallback stands in for it.
func resolvConf(pod *Pod) []byte {
	if pod.ResolvConf == nil {
		return fmt.Appendf(nil, "nameserver %s\n", fallbackNameserver)
	}
	fallback, named := "nameserver "+fallbackNameserver.String()+"\n", false
	lines := strings.SplitAfter(string(pod.ResolvConf), "\n")
	for i, line := range lines {
		addr, ok := nameserverLine(line)
		named = named || ok
		if ok && addr.IsLoopback() {
			lines[i] = fallback
		}
	}
	if !named {
		lines = append([]string{fallback}, lines...)
	}
	return []byte(strings.Join(lines, ""))
}

// nameservers are the addresses at which questions are answered.
func nameservers(pod *Pod) map[netip.Addr]bool {
	found := map[netip.Addr]bool{fallbackNameserver: true}
	for line := range strings.Lines(string(pod.ResolvConf)) {
		if addr, ok := nameserverLine(line); ok {
			found[addr.Unmap().WithZone("")] = true
		}
	}
	return found
}

func nameserverLine(line string) (netip.Addr, bool) {
	fields := strings.Fields(line)
	if len(fields) < 2 || fields[0] != "nameserver" {
		return netip.Addr{}, false
	}
	addr, err := netip.ParseAddr(fields[1])
	return addr, err == nil
}

// hostsFile is the pod's, or what the kubelet writes for a pod without aliases.
func hostsFile(pod *Pod) []byte {
	if pod.Hosts != nil {
		return pod.Hosts
	}
	text := "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::\tip6-localnet\n" +
		"fe00::\tip6-mcastprefix\nfe00::1\tip6-allnodes\nfe00::2\tip6-allrouters\n"
	if pod.Hostname != "" {
		for _, a := range pod.addresses() {
			text += a.String() + "\t" + pod.Hostname + "\n"
		}
	}
	return []byte(text)
}

// nsswitch is the workstation's with host names looked up as in a pod: the modules of
// desktops (resolve, mdns, mymachines) would ask the workstation. nil without a file.
func nsswitch() []byte {
	data, err := os.ReadFile("/etc/nsswitch.conf")
	if err != nil {
		return nil
	}
	lines := strings.SplitAfter(string(data), "\n")
	for i, line := range lines {
		if strings.HasPrefix(strings.TrimSpace(line), "hosts:") {
			lines[i] = "hosts: files dns\n"
		}
	}
	return []byte(strings.Join(lines, ""))
}
