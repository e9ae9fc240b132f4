// Package protocol is the editor contract: what a thin editor extension and
// tunnel-server say to each other over JSON-RPC 2.0 with Content-Length framing
// (the habits of LSP). The interfaces Server and Client are the only place where
// a method is declared; `go generate ./protocol` writes the Go glue, the JSON
// Schema and the reference from them.
//
// Schema changes are additive within a major Version.
//
// This package imports only the standard library.
package protocol

//go:generate go run ./gen/cmd/protocolgen

// Version is the contract's version, "major.minor". A client and a server of the
// same major version understand each other.
const Version = "1.0"
