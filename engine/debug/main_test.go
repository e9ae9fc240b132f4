package debug

import (
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/kubetunnel/kubetunnel/engine/sandbox"
)

// helperVariable makes the test binary one of the adapters in adapter_test.go.
const helperVariable = "KUBETUNNEL_TEST_HELPER"

func TestMain(m *testing.M) {
	MaybeRunGo()
	sandbox.MaybeRunInit()
	if helper := os.Getenv(helperVariable); helper != "" {
		os.Exit(runFakeAdapter(helper, os.Args[1:]))
	}
	// A race detector waits a second at each exit of a helper, unless told.
	if err := os.Setenv("GORACE", "atexit_sleep_ms=0"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}
