package image

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

func TestTheSameInputGivesTheSameBytes(t *testing.T) {
	dir := t.TempDir()
	src := filepath.Join(dir, "prog")
	if err := os.WriteFile(src, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	spec := Spec{Ref: "example.test/x:1", User: "65532", Entrypoint: []string{"/prog"}, Env: []string{"A=b"}, Files: []string{src + ":/usr/bin/prog:0555", src + ":/prog"}}
	var built [2][]byte
	for i := range built {
		out := filepath.Join(dir, "out.tar")
		if err := Write(spec, out); err != nil {
			t.Fatal(err)
		}
		content, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		built[i] = content
	}
	if !bytes.Equal(built[0], built[1]) {
		t.Error("two builds of the same files differ")
	}
}

func TestBadFileArgumentsAreRefused(t *testing.T) {
	for _, arg := range []string{"", "a", "a:b", "a:/b:9", "a:/b:0755:x"} {
		if _, err := parseFile(arg); err == nil {
			t.Errorf("%q was taken", arg)
		}
	}
}
