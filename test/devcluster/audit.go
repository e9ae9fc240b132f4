package main

import (
	"os"
	"path/filepath"
)

// auditPolicy has the API server write down who of the cluster's own programs asked
// for what, and whether that was denied: the operator, and whatever runs in pods but
// Kubernetes' own. Bodies are not wanted.
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
omitManagedFields: true
rules:
- level: None
  userGroups: ["system:serviceaccounts:kube-system"]
- level: Metadata
  userGroups: ["system:serviceaccounts"]
- level: None
`

// writeAuditPolicy is before the API server's start; the log is found by the state.
func (r *raiser) writeAuditPolicy() error {
	if r.state.AuditLog == "" {
		return nil
	}
	return os.WriteFile(r.auditPolicy(), []byte(auditPolicy), 0o600)
}

func (l layout) auditPolicy() string { return filepath.Join(l.data(), "audit-policy.yaml") }
func (l layout) auditLog() string    { return filepath.Join(l.logs(), "audit.log") }

// auditFlags are the API server's; none when no log is wanted. The log is written
// before a request is answered, so that a reader misses nothing.
func (l layout) auditFlags(log string) []string {
	if log == "" {
		return nil
	}
	return []string{"--audit-policy-file=" + l.auditPolicy(), "--audit-log-path=" + log, "--audit-log-mode=blocking-strict", "--audit-log-maxsize=1024"}
}
