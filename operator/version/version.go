// Package version names this build. It imports nothing.
package version

// Version is set by the linker: -X github.com/kubetunnel/kubetunnel/operator/version.Version=1.2.3
var Version = "0.1.0-dev"
