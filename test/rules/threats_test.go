package rules

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestEachTestThatThreatsNameIsThere: a claim whose test was renamed or removed is no claim.
func TestEachTestThatThreatsNameIsThere(t *testing.T) {
	content, err := os.ReadFile(filepath.Join("..", "..", "THREATS.md"))
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile(`\b(?:Test|Fuzz)[A-Z][A-Za-z0-9]+`).FindAllString(string(content), -1)
	if len(named) < 20 {
		t.Fatalf("only %d tests are named", len(named))
	}
	there := map[string]bool{}
	function := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	goFiles(t, func(path string, content []byte) {
		if strings.HasSuffix(path, "_test.go") {
			for _, m := range function.FindAllSubmatch(content, -1) {
				there[string(m[1])] = true
			}
		}
	})
	for _, name := range named {
		if !there[name] {
			t.Errorf("THREATS.md names %s, which is not there", name)
		}
	}
}
