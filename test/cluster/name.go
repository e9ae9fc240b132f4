package cluster

import "os"

// Name is what a program calls the cluster that it brings up: its own name for it, or
// another one (KUBETUNNEL_TEST_NAME) where several checkouts are tested at once.
func Name(own string) string {
	if name := os.Getenv("KUBETUNNEL_TEST_NAME"); name != "" {
		return name
	}
	return own
}
