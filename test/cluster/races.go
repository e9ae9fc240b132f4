package cluster

import (
	"os"
	"path/filepath"
	"strings"
)

// Races is where the race detectors of the programs under test write.
type Races struct{ dir string }

// Open lets every process that is started from now on write below a folder.
func (l *Races) Open(dir string) error {
	l.dir = dir
	return os.Setenv("GORACE", "log_path="+filepath.Join(dir, "race")+" "+os.Getenv("GORACE"))
}

// Take gives what was written since the last time.
func (l *Races) Take() string {
	paths, err := filepath.Glob(filepath.Join(l.dir, "race.*"))
	if err != nil {
		return err.Error()
	}
	var told strings.Builder
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			return err.Error()
		}
		told.Write(content)
		if err := os.Remove(path); err != nil {
			return err.Error()
		}
	}
	return told.String()
}
