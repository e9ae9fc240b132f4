package engine

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/kubetunnel/kubetunnel/engine/private"
	"github.com/kubetunnel/kubetunnel/protocol"
)

// cardName is the file in a session's folder by which other programs of the same
// user find the session.
const cardName = "session.json"

// Card is what a session tells of itself in its private folder.
type Card struct {
	ID        string        `json:"id"`
	Kind      protocol.Kind `json:"kind"`
	Context   string        `json:"context,omitempty"`
	Namespace string        `json:"namespace"`
	Service   string        `json:"service"`
	// PID is the server's.
	PID   int       `json:"pid"`
	Began time.Time `json:"began"`
	// Intercept and UID name the object in the cluster, once there is one.
	Intercept string `json:"intercept,omitempty"`
	UID       string `json:"uid,omitempty"`
	// Dir is the session's private folder.
	Dir string `json:"-"`
}

func (s *Session) writeCard() error {
	target := s.survey.Target()
	card := Card{
		ID: s.params.ID, Kind: s.info.Kind, Context: target.Context, Namespace: target.Namespace, Service: target.Service, PID: os.Getpid(), Began: s.began,
	}
	if s.intercept != nil {
		card.Intercept, card.UID = s.intercept.Name(), s.intercept.UID()
	}
	content, err := json.Marshal(card)
	if err != nil {
		return err
	}
	// Whoever reads it meanwhile, or after this process was killed, finds all of it.
	path := filepath.Join(s.folder.Path(), cardName)
	if err := os.WriteFile(path+".new", content, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// ReadCard reads the card in a session's folder.
func ReadCard(dir string) (Card, error) {
	raw, err := os.ReadFile(filepath.Join(dir, cardName))
	if err != nil {
		return Card{}, err
	}
	card := Card{Dir: dir}
	if err := json.Unmarshal(raw, &card); err != nil {
		return Card{}, protocol.Errorf(protocol.CodeInternalError, "the session in %s: %w", dir, err)
	}
	return card, nil
}

// Here lists the sessions that servers of this user have on this machine, oldest first.
func Here() ([]Card, error) {
	folders, err := private.List()
	if err != nil {
		return nil, err
	}
	var cards []Card
	for _, dir := range folders {
		card, err := ReadCard(dir)
		if errors.Is(err, fs.ErrNotExist) {
			continue // a session that begins or ends, or none at all
		}
		if err != nil {
			return nil, err
		}
		cards = append(cards, card)
	}
	slices.SortFunc(cards, func(a, b Card) int { return a.Began.Compare(b.Began) })
	return cards, nil
}

// FindHere finds the session that is meant by an id, the beginning of one, a Service's
// name or NAMESPACE/NAME; "" is the only one.
func FindHere(name string) (*Card, error) {
	cards, err := Here()
	if err != nil {
		return nil, err
	}
	for i := range cards {
		if cards[i].ID == name {
			return &cards[i], nil // though it may be the beginning of another's
		}
	}
	fitting := slices.DeleteFunc(slices.Clone(cards), func(c Card) bool { return !c.fits(name) })
	switch {
	case len(fitting) == 1:
		return &fitting[0], nil
	case len(cards) == 0:
		return nil, protocol.Errorf(protocol.CodeUnknownSession, "no session of yours runs on this machine").
			WithFix(protocol.Fix{Title: "Start one", Command: "tunnel-server run --service NAME -- COMMAND"})
	case name == "":
		return nil, protocol.Errorf(protocol.CodeUnknownSession, "there are %d sessions: tell which one by --session\n%s", len(cards), list(cards))
	case len(fitting) == 0:
		return nil, protocol.Errorf(protocol.CodeUnknownSession, "no session is called %q; there are\n%s", name, list(cards))
	}
	return nil, protocol.Errorf(protocol.CodeUnknownSession, "%q may be each of\n%s", name, list(fitting))
}

func (c *Card) fits(name string) bool {
	return strings.HasPrefix(c.ID, name) || name == c.Service || name == c.Namespace+"/"+c.Service
}

func list(cards []Card) string {
	var lines []string
	for _, c := range cards {
		lines = append(lines, "  "+c.ID+"  "+c.Namespace+"/"+c.Service)
	}
	return strings.Join(lines, "\n")
}
