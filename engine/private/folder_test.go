package private

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// ownerVariable makes this test's program the owner of a folder, until it is killed.
const ownerVariable = "PRIVATE_TEST_OWNER_IN"

func TestMain(m *testing.M) {
	if parent := os.Getenv(ownerVariable); parent != "" {
		os.Exit(own(parent))
	}
	os.Exit(m.Run())
}

// own makes a folder with something in it, tells its name, and waits for its end.
func own(parent string) int {
	f, err := newIn(parent)
	if err == nil {
		err = os.MkdirAll(filepath.Join(f.Path(), "files", "0"), 0o700)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(f.Path(), "files", "0", "secret"), []byte("x"), 0o400)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println(f.Path())
	_, _ = os.Stdin.Read(make([]byte, 1)) // to the end of standard input
	return 0
}

func exists(t *testing.T, path string) bool {
	t.Helper()
	_, err := os.Lstat(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return err == nil
}

func TestFolderOfAKilledOwnerIsSweptAndNoOther(t *testing.T) {
	parent := t.TempDir()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), ownerVariable+"="+parent)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stdin.Close() }()
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	left := strings.TrimSpace(line)
	ours, err := newIn(parent)
	if err != nil {
		t.Fatal(err)
	}
	if removed, err := sweepIn(parent, func(string) {}); err != nil || len(removed) > 0 || !exists(t, left) || !exists(t, ours.Path()) {
		t.Fatalf("with living owners, swept %v, %v", removed, err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	var seen []string
	look := func(path string) {
		if exists(t, path) {
			seen = append(seen, path)
		}
	}
	if removed, err := sweepIn(parent, look); err != nil || !slices.Equal(removed, []string{left}) || !slices.Equal(seen, removed) {
		t.Errorf("swept %v, %v; want %s", removed, err, left)
	}
	if exists(t, left) || !exists(t, ours.Path()) {
		t.Errorf("the killed owner's: %v, ours: %v", exists(t, left), exists(t, ours.Path()))
	}
	for range 2 {
		if err := ours.Remove(); err != nil {
			t.Error(err)
		}
	}
	if exists(t, ours.Path()) {
		t.Error("removed, and still there")
	}
}

func TestOtherThingsOfThatNameStay(t *testing.T) {
	parent, elsewhere := t.TempDir(), t.TempDir()
	kept := filepath.Join(elsewhere, "kept")
	for _, err := range []error{
		os.WriteFile(filepath.Join(parent, prefix+"file"), nil, 0o600),
		os.WriteFile(kept, nil, 0o600),
		os.Symlink(elsewhere, filepath.Join(parent, prefix+"link")),
		os.Mkdir(filepath.Join(parent, "kubetunnel-demo-1"), 0o700),
		os.Mkdir(filepath.Join(parent, prefix+"foreign"), 0o700),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	want := 4
	if os.Geteuid() == 0 {
		if err := os.Lchown(filepath.Join(parent, prefix+"foreign"), 65534, 65534); err != nil {
			t.Fatal(err)
		}
	} else {
		want-- // nobody but root can make a folder of another user
	}
	if removed, err := sweepIn(parent, func(string) {}); err != nil || len(removed) != 4-want {
		t.Errorf("swept %v, %v", removed, err)
	}
	if entries, err := os.ReadDir(parent); err != nil || len(entries) != want || !exists(t, kept) {
		t.Errorf("left: %v, %v", entries, err)
	}
}

// Locks are held by an open folder, not by a process: so those who make, sweep and
// remove here are as good as processes.
func TestSweepsNeverTakeAFolderFromItsOwner(t *testing.T) {
	parent := t.TempDir()
	done := make(chan struct{})
	var owners, sweepers sync.WaitGroup
	for range 4 {
		sweepers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				// A folder that goes while it is looked at is no failure of a sweep.
				if _, err := sweepIn(parent, func(string) {}); err != nil {
					t.Error(err)
				}
			}
		})
		owners.Go(func() {
			for range 200 {
				f, err := newIn(parent)
				if err != nil {
					t.Error(err)
					return
				}
				if err := os.WriteFile(filepath.Join(f.Path(), "x"), nil, 0o600); err != nil {
					t.Error(err)
				}
				if _, err := os.Stat(filepath.Join(f.Path(), "x")); err != nil {
					t.Error(err)
				}
				if err := f.Remove(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	owners.Wait()
	close(done)
	sweepers.Wait()
	if _, err := sweepIn(parent, func(string) {}); err != nil {
		t.Error(err)
	}
	if entries, err := os.ReadDir(parent); err != nil || len(entries) > 0 {
		t.Errorf("left: %v, %v", entries, err)
	}
}
