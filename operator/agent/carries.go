package agent

import (
	"bytes"
	"strings"

	"github.com/kubetunnel/kubetunnel/operator/agent/http1"
	"github.com/kubetunnel/kubetunnel/operator/control"
)

// carriage is what a port carries.
type carriage int

const (
	// carriesAny: its first bytes will tell.
	carriesAny carriage = iota
	// carriesHTTP: callers speak HTTP by cleartext, of either version, and they speak first.
	carriesHTTP
	// carriesBytes: it is relayed by connection.
	carriesBytes
)

// declared are protocols by the names that Kubernetes (appProtocol, KEP-1422 and
// KEP-3726) and service meshes (in a port's name, before the first hyphen) give them.
// Names that are not here tell nothing.
var declared = map[string]carriage{
	"http": carriesHTTP, "http2": carriesHTTP, "h2c": carriesHTTP, "grpc": carriesHTTP, "grpc-web": carriesHTTP,
	"ws": carriesHTTP, "kubernetes.io/h2c": carriesHTTP, "kubernetes.io/ws": carriesHTTP,
	"tcp": carriesBytes, "tls": carriesBytes, "https": carriesBytes, "wss": carriesBytes, "kubernetes.io/wss": carriesBytes,
	"mongo": carriesBytes, "mysql": carriesBytes, "redis": carriesBytes, "postgres": carriesBytes, "postgresql": carriesBytes,
	"amqp": carriesBytes, "smtp": carriesBytes, "ldap": carriesBytes, "kafka": carriesBytes,
}

// carries tells what the operator knows of a port.
func carries(p control.Port) carriage {
	if p.AppProtocol != "" {
		return declared[strings.ToLower(p.AppProtocol)]
	}
	name := strings.ToLower(p.Name)
	if known, ok := declared[name]; ok {
		return known
	}
	prefix, _, _ := strings.Cut(name, "-")
	return declared[prefix]
}

// speech is what a caller's first bytes are.
type speech int

const (
	// speaksOther: not HTTP.
	speaksOther speech = iota
	// speaksHTTP1: nothing speaks against a request line, so far.
	speaksHTTP1
	// speaksH2C: HTTP/2's preface; mayBeH2C: a part of it.
	speaksH2C
	mayBeH2C
)

// preface is how a client begins HTTP/2 (RFC 9113 section 3.4).
var preface = []byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")

// listenTo looks at a caller's first bytes, of which there is one at least.
func listenTo(b []byte) speech {
	switch {
	case bytes.HasPrefix(b, preface):
		return speaksH2C
	case bytes.HasPrefix(preface, b):
		return mayBeH2C
	}
	for i, c := range b {
		if c == ' ' && i > 0 {
			return speaksHTTP1
		}
		if !http1.IsTokenByte(c) {
			return speaksOther
		}
	}
	return speaksHTTP1
}
