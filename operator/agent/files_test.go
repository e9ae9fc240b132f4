package agent

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/kubetunnel/kubetunnel/engine/tunnel"
)

// kubeletVolume makes a folder as the kubelet keeps a ConfigMap.
func kubeletVolume(t *testing.T, dir, version, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(dir, version), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, version, "key"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Symlink(version, filepath.Join(dir, "..data_tmp")), os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data"))); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("..data/key", filepath.Join(dir, "key")); err != nil && !os.IsExist(err) {
		t.Fatal(err)
	}
}

func fileIn(t *testing.T, archive []byte, name string) string {
	t.Helper()
	r := tar.NewReader(bytes.NewReader(archive))
	for {
		h, err := r.Next()
		if err != nil {
			t.Fatalf("no %s in the archive: %v", name, err)
		}
		if h.Name == name {
			data, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			return string(data)
		}
	}
}

func TestMountIsSentAndSentAgainWhenTheKubeletHasChangedIt(t *testing.T) {
	dir, socket := t.TempDir(), filepath.Join(t.TempDir(), "twin.sock")
	kubeletVolume(t, dir, "..1", "one")
	w := newWorld(t, withTwin(listenUnix(t, socket)))
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	group.Go(func() { Twin(ctx, socket, []tunnel.Mount{{Path: dir, Volume: tunnel.VolumeUpdated}}) })
	t.Cleanup(func() { cancel(); group.Wait() })
	e := w.attach(workstation)
	if mounts := environment(t, e.open(tunnel.Header{Kind: tunnel.KindEnv})).Mounts; len(mounts) != 1 || mounts[0].Path != dir || mounts[0].File {
		t.Errorf("mounts %+v", mounts)
	}
	lines := json.NewDecoder(e.open(tunnel.Header{Kind: tunnel.KindFile, Target: dir}))
	var c tunnel.MountContent
	if err := lines.Decode(&c); err != nil || c.Version != "..1" || fileIn(t, c.Archive, "..1/key") != "one" {
		t.Errorf("content %s, %v", c.Version, err)
	}
	kubeletVolume(t, dir, "..2", "two")
	if err := lines.Decode(&c); err != nil || c.Version != "..2" || fileIn(t, c.Archive, "..2/key") != "two" {
		t.Errorf("changed content %s, %v", c.Version, err)
	}
}

func TestContentRefusesWhatIsNoMountAndWhatIsTooLarge(t *testing.T) {
	dir := t.TempDir()
	large := filepath.Join(dir, "large")
	if err := os.WriteFile(large, make([]byte, tunnel.MaxMount+1), 0o600); err != nil {
		t.Fatal(err)
	}
	tw := &twin{mounts: []tunnel.Mount{{Path: dir}, {Path: large}}}
	for path, want := range map[string]string{"/etc": "no mount", dir: "8 MiB", large: "8 MiB"} {
		if _, err := tw.content(path, ""); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestWhatTheAppCannotReadComesWithoutContent(t *testing.T) {
	dir, err := os.MkdirTemp("", "kt")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	for name, mode := range map[string]os.FileMode{"open": 0o644, "closed": 0, "folder": fs.ModeDir} {
		path := filepath.Join(dir, name)
		if mode.IsDir() {
			err = os.Mkdir(path, 0)
		} else {
			err = os.WriteFile(path, []byte("text"), mode)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	asOrdinaryUser(t)
	content, err := (&twin{mounts: []tunnel.Mount{{Path: dir}}}).content(dir, "")
	if err != nil || fileIn(t, content.Archive, "open") != "text" || fileIn(t, content.Archive, "closed") != "" {
		t.Errorf("%v", err)
	}
}

func TestSingleFileIsItsOwnVersion(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.conf")
	if err := os.WriteFile(path, []byte("x=1"), 0o600); err != nil {
		t.Fatal(err)
	}
	tw := &twin{mounts: []tunnel.Mount{{Path: path}}}
	first, err := tw.content(path, "")
	if err != nil || fileIn(t, first.Archive, tunnel.MountFile) != "x=1" {
		t.Fatal(err)
	}
	if again, err := tw.content(path, first.Version); err != nil || again.Archive != nil || again.Version != first.Version {
		t.Errorf("again: %+v, %v", again, err)
	}
}
