package debug

// runFakeAdapter is an adapter of the tests' own.
func runFakeAdapter(helper string, args []string) int { return 0 }
