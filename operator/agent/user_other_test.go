//go:build !linux

package agent

import (
	"os"
	"testing"
)

// asOrdinaryUser: there is no way to be one for a while.
func asOrdinaryUser(t *testing.T) {
	t.Helper()
	if os.Geteuid() == 0 {
		t.Skip("root reads every file")
	}
}
