package watch

import (
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestChangesAreToldHoweverAFileIsReplaced(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "config")
	told := make(chan struct{}, 100)
	stop, err := Files([]string{path}, func() { told <- struct{}{} })
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	for name, change := range map[string]func() error{
		"written": func() error { return os.WriteFile(path, []byte("a"), 0o600) },
		"renamed over": func() error {
			other := filepath.Join(dir, "other")
			if err := os.WriteFile(other, []byte("b"), 0o600); err != nil {
				return err
			}
			return os.Rename(other, path)
		},
	} {
		if err := change(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		<-told
	}
	stop() // twice is once
}

func TestFolderThatIsMissingIsAnError(t *testing.T) {
	if stop, err := Files([]string{filepath.Join(t.TempDir(), "no", "config")}, func() {}); err == nil {
		stop()
		t.Error("it was taken")
	}
}
