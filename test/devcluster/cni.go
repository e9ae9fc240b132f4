package main

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/kubetunnel/kubetunnel/test/devcluster/internal/host"
)

// cniConfig routes every pod by itself (ptp): without a bridge between the pods of
// a node, a Service's translation is undone on the way back without br_netfilter.
func cniConfig(d nodeDirs) string {
	ranges := []string{`[{"subnet": "` + podRangeOf(d.n) + `"}]`}
	routes := []string{`{"dst": "0.0.0.0/0"}`}
	first := ""
	if d.dualStack {
		ranges = append(ranges, `[{"subnet": "`+podRange6Of(d.n)+`"}]`)
		routes = append(routes, `{"dst": "::/0"}`)
		first = `{"type": "` + quickAddressesName + `"},`
	}
	return `{
  "cniVersion": "1.0.0", "name": "pods",
  "plugins": [` + first + `
    {"type": "ptp", "mtu": 1500, "ipam": {"type": "host-local", "ranges": [` + strings.Join(ranges, ", ") + `], "routes": [` + strings.Join(routes, ", ") + `]}},
    {"type": "portmap", "capabilities": {"portMappings": true}}
  ]
}
`
}

// quickAddresses is a CNI program that comes before the one that makes a pod's link.
const quickAddresses = `#!/bin/sh
# Pods' IPv6 addresses are usable at once.
[ "$CNI_COMMAND" != VERSION ] || { echo '{"cniVersion": "1.0.0", "supportedVersions": ["1.0.0"]}'; exit; }
[ "$CNI_COMMAND" != ADD ] || nsenter --net="$CNI_NETNS" -- sh -c '` + noDetection + `'
echo '{"cniVersion": "1.0.0"}'
`

const quickAddressesName = "quick-addresses"

// makeCNI links the machine's CNI programs into a folder of the node's, beside our own.
func makeCNI(d nodeDirs) error {
	programs, err := host.CNIDir()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(d.cniPrograms(), 0o755); err != nil {
		return err
	}
	entries, err := os.ReadDir(programs)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := os.Symlink(filepath.Join(programs, e.Name()), filepath.Join(d.cniPrograms(), e.Name())); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(d.cniPrograms(), quickAddressesName), []byte(quickAddresses), 0o755) //nolint:gosec // a program
}

func (d nodeDirs) cniPrograms() string { return d.dir("cni-programs") }
