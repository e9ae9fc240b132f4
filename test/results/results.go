// Package results writes what a run has measured, for people and programs to read.
//
// It imports nothing of the project.
package results

import (
	"encoding/json"
	"os"
	"path/filepath"
)

// Write writes a result as JSON, and makes its folder.
func Write(path string, result any) error {
	content, err := json.MarshalIndent(result, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // build output
		return err
	}
	return os.WriteFile(path, append(content, '\n'), 0o644) //nolint:gosec // build output
}
