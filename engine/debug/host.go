package debug

import "context"

// Host is what a debugger may ask of its session.
type Host interface {
	// Environment waits for the app's environment, or fails with the session's error. The
	// sandbox is the pod when it returns.
	Environment(ctx context.Context) ([]string, error)
	// BeforeEnd is called before the debuggee is ended or started again: new calls go
	// to the origin when it returns, until a debuggee listens anew.
	BeforeEnd(ctx context.Context)
	// Output shows text to the user: category "stdout", "stderr" or "console".
	Output(category, text string)
}
