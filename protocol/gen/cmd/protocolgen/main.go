// Command protocolgen writes the glue of the editor contract from the interfaces
// of package protocol: see its doc.go.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/kubetunnel/kubetunnel/protocol/internal/write"
)

func main() {
	dir := "."
	if len(os.Args) > 1 {
		dir = os.Args[1]
	}
	files, err := write.All(dir)
	if err == nil {
		err = save(filepath.Join(dir, "gen"), files)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "protocolgen:", err)
		os.Exit(1)
	}
}

func save(dir string, files map[string][]byte) error {
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil { //nolint:gosec // a source file
			return err
		}
	}
	return nil
}
