package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/kubetunnel/kubetunnel/protocol"
)

// Explain prints an error for a person: what is wrong, and what to do next. Of
// joined errors it prints each.
func Explain(w io.Writer, err error) {
	for _, one := range flatten(err) {
		explainOne(w, one)
	}
}

// flatten takes joined errors apart.
func flatten(err error) []error {
	joined, ok := err.(interface{ Unwrap() []error }) // the outermost alone is meant
	if !ok {
		return []error{err}
	}
	var parts []error
	var texts []string
	for _, part := range joined.Unwrap() {
		parts = append(parts, flatten(part)...)
		texts = append(texts, part.Error())
	}
	if err.Error() != strings.Join(texts, "\n") {
		return []error{err} // a sentence of its own
	}
	return parts
}

func explainOne(w io.Writer, err error) {
	var e *protocol.Error
	if !errors.As(err, &e) {
		fmt.Fprintln(w, "error:", err)
		return
	}
	fmt.Fprintln(w, headline(e))
	if e.Data.Object != nil && !strings.Contains(e.Message, e.Data.Object.Name) {
		fmt.Fprintln(w, "  object:", e.Data.Object)
	}
	if e.Data.Event != "" {
		fmt.Fprintln(w, "  latest event:", e.Data.Event)
	}
	explainFix(w, e.Data.Fix)
}

// headline is "error KT1201: message", or "error: message" for JSON-RPC's own codes.
func headline(e *protocol.Error) string {
	if e.Code > 0 {
		return "error " + e.Error()
	}
	return "error: " + e.Error()
}

func explainFix(w io.Writer, fix *protocol.Fix) {
	if fix == nil {
		return
	}
	fmt.Fprintln(w, "  →", fix.Title)
	if fix.Command != "" {
		fmt.Fprintln(w, "     ", fix.Command)
	}
	if fix.YAML != "" {
		// Not indented: it is to be copied.
		fmt.Fprintf(w, "\n%s\n", strings.TrimRight(fix.YAML, "\n"))
	}
}
