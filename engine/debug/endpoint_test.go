//go:build unix

package debug

import (
	"os"
	"testing"

	"github.com/kubetunnel/kubetunnel/engine/private"
)

func TestEndpointIsForItsUserAlone(t *testing.T) {
	folder, err := private.New()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = folder.Remove() }()
	l, endpoint, err := listenEndpoint(folder.Path())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	for path, want := range map[string]os.FileMode{folder.Path(): 0o700, endpoint.Address: 0o600} {
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s has mode %v, %v, want %v", path, info.Mode().Perm(), err, want)
		}
	}
}
