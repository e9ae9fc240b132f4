package engine

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kubetunnel/kubetunnel/engine/private"
	"github.com/kubetunnel/kubetunnel/protocol"
)

// leaveCard makes a session's folder with a card in it.
func leaveCard(t *testing.T, card Card) {
	t.Helper()
	folder, err := private.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = folder.Remove() })
	raw, err := json.Marshal(card)
	if err == nil {
		err = os.WriteFile(filepath.Join(folder.Path(), cardName), raw, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestASessionIsFoundByWhatAPersonCallsIt(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	code := func(name string) (id string, told string) {
		card, err := FindHere(name)
		if err == nil {
			return card.ID, ""
		}
		var known *protocol.Error
		if !errors.As(err, &known) || known.Code != protocol.CodeUnknownSession {
			t.Errorf("%q: %v", name, err)
		}
		return "", err.Error()
	}
	if _, told := code(""); !strings.Contains(told, "no session of yours") {
		t.Errorf("without any: %s", told)
	}
	leaveCard(t, Card{ID: "ABC1", Namespace: "shop", Service: "cart", Began: time.Unix(1, 0)})
	if id, told := code(""); id != "ABC1" {
		t.Errorf("the only one: %q, %s", id, told)
	}
	leaveCard(t, Card{ID: "ABD2", Namespace: "shop", Service: "web", Began: time.Unix(3, 0)})
	leaveCard(t, Card{ID: "ABC12", Namespace: "shop", Service: "prices", Began: time.Unix(4, 0)})
	leaveCard(t, Card{ID: "XYZ3", Namespace: "test", Service: "web", Began: time.Unix(2, 0)})
	for name, want := range map[string]string{"ABC1": "ABC1", "ABC12": "ABC12", "ABD": "ABD2", "cart": "ABC1", "shop/web": "ABD2", "test/web": "XYZ3"} {
		if id, told := code(name); id != want {
			t.Errorf("%q: %q, %s", name, id, told)
		}
	}
	for name, want := range map[string]string{
		"":        "by --session\n  ABC1  shop/cart\n  XYZ3  test/web\n  ABD2  shop/web\n  ABC12  shop/prices",
		"AB":      "each of\n  ABC1  shop/cart\n  ABD2  shop/web\n  ABC12  shop/prices",
		"web":     "each of\n  XYZ3  test/web\n  ABD2  shop/web",
		"unknown": "no session is called \"unknown\"",
	} {
		if _, told := code(name); !strings.Contains(told, want) {
			t.Errorf("%q: %s", name, told)
		}
	}
}
