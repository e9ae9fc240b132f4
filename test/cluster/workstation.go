package cluster

import (
	"os"
	"strings"
)

// AtWorkstation tells whether a program that names itself by its host name runs on
// the workstation: there it has the agent pod's name, or in mode loopback the
// workstation's own.
func AtWorkstation(servedBy string) bool {
	own, err := os.Hostname()
	return err == nil && own == servedBy || strings.HasPrefix(servedBy, "kt-")
}
