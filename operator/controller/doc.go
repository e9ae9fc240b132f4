// Package controller carries Intercepts out: it gathers what the cluster and the
// agents say about one Service, decides purely what to do, and does it.
//
// It imports controller-runtime, operator/api and operator/control, and never
// the engine but for the keys of engine/tunnel.
package controller
