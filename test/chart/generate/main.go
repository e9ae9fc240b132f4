// Command generate writes what is made from the chart; see package generated.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/kubetunnel/kubetunnel/test/chart/generated"
	"github.com/kubetunnel/kubetunnel/test/chart/helm"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func run() error {
	root, err := helm.Root()
	if err != nil {
		return err
	}
	files, err := generated.Files(root)
	if err != nil {
		return err
	}
	for path, content := range files {
		if err := os.WriteFile(filepath.Join(root, path), content, 0o600); err != nil {
			return err
		}
	}
	return nil
}
