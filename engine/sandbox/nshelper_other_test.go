//go:build unix && !linux

package sandbox

func insideHelper([]string) {}
