package e2e

import (
	"os"
	"path/filepath"
	"strings"
)

// raceLog is where the race detectors of the servers under test write.
type raceLog struct{ dir string }

var races raceLog

// open lets every process that is started from now on write below a folder.
func (l *raceLog) open(dir string) error {
	l.dir = dir
	return os.Setenv("GORACE", "log_path="+filepath.Join(dir, "race")+" "+os.Getenv("GORACE"))
}

// take gives what was written since the last time.
func (l *raceLog) take() string {
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
