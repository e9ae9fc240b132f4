// Package chart tests the Helm chart by the real Helm: what it says of bad values, what
// it makes of good ones, and that `tunnel-server install` makes the same. Package live has
// what needs a cluster. It is a Go module of its own, so that Helm is no dependency of the product.
package chart
