// Package cluster is the engine's door to Kubernetes, by client-go: contexts,
// Services, Intercepts, ways to the agent, the operator's installation, and the
// receipt that compares a Service before and after a session.
//
// It imports protocol, engine/tunnel for the name of its protocol, operator/api and
// operator/manifests; nothing else of the engine, and nobody but main imports it.
package cluster
