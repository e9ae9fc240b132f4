package tunnel

import (
	"io"
	"math"
	"time"

	"github.com/hashicorp/yamux"
)

const (
	muxBacklog = 8192
	muxWindow  = 4 << 20
	// never stands for "no limit" where yamux wants a duration: the pipe decides what is over.
	never = time.Duration(math.MaxInt64)
)

func muxConfig() *yamux.Config {
	return &yamux.Config{
		AcceptBacklog:          muxBacklog,
		EnableKeepAlive:        false,
		KeepAliveInterval:      never,
		ConnectionWriteTimeout: never,
		MaxStreamWindowSize:    muxWindow,
		// 0: streams are opened and closed without a clock.
		StreamOpenTimeout:  0,
		StreamCloseTimeout: 0,
		LogOutput:          io.Discard,
	}
}
