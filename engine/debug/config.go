package debug

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/kubetunnel/kubetunnel/protocol"
)

// config is a launch configuration on its way to an adapter. Members that nobody
// here knows stay as they are.
type config struct {
	values map[string]json.RawMessage
	// folder is the workspace folder that relative paths mean, "" when it isn't known.
	folder string
	// early: the editor's own tasks, such as a build, come only after this look at it.
	early    bool
	findings []protocol.Diagnostic
}

func parseConfig(launch json.RawMessage, folder string) (*config, error) {
	c := &config{folder: folder}
	if err := json.Unmarshal(launch, &c.values); err != nil {
		return nil, protocol.Errorf(protocol.CodeBadLaunch, "the launch configuration is not a JSON object: %w", err)
	}
	if c.values == nil {
		return nil, protocol.Errorf(protocol.CodeBadLaunch, "the launch configuration is empty: write {\"type\": \"go\", \"request\": \"launch\", \"program\": \"…\"}")
	}
	return c, nil
}

// raw is the configuration as JSON.
func (c *config) raw() json.RawMessage {
	raw, err := json.Marshal(c.values)
	if err != nil {
		return json.RawMessage("{}") // raw values were valid when they came
	}
	return raw
}

// bad notes an error about a field.
func (c *config) bad(field, format string, args ...any) {
	err := protocol.Errorf(protocol.CodeBadLaunch, "launch configuration, %q: "+format, append([]any{field}, args...)...)
	c.findings = append(c.findings, err.Diagnostic(protocol.SeverityError, "launch."+field))
}

// absent notes that a file is not there, which a task of the editor may yet make.
func (c *config) absent(field, format string, args ...any) {
	if c.early {
		c.hint(field, "launch configuration, %q: "+format, append([]any{field}, args...)...)
		return
	}
	c.bad(field, format, args...)
}

// hint notes something that will not be as written.
func (c *config) hint(field, format string, args ...any) {
	c.findings = append(c.findings, protocol.Diagnostic{
		Severity: protocol.SeverityWarning, Code: protocol.CodeBadLaunch,
		Message: fmt.Sprintf(format, args...), Field: "launch." + field,
	})
}

// failed gives the first finding that is an error.
func (c *config) failed() *protocol.Error {
	for _, d := range c.findings {
		if d.Severity == protocol.SeverityError {
			err := protocol.Errorf(d.Code, "%s", d.Message)
			err.Data.Fix = d.Fix
			return err
		}
	}
	return nil
}

func (c *config) has(field string) bool {
	value, ok := c.values[field]
	return ok && string(value) != "null"
}

// text gives a field that must be a string, "" when it is absent or wrong.
func (c *config) text(field string) string {
	if !c.has(field) {
		return ""
	}
	var value string
	if err := json.Unmarshal(c.values[field], &value); err != nil {
		c.bad(field, "must be a string, not %s", kindOf(c.values[field]))
	}
	return value
}

func (c *config) flag(field string) bool {
	if !c.has(field) {
		return false
	}
	var value bool
	if err := json.Unmarshal(c.values[field], &value); err != nil {
		c.bad(field, "must be true or false, not %s", kindOf(c.values[field]))
	}
	return value
}

// list gives a field that must be a list of strings.
func (c *config) list(field string) []string {
	if !c.has(field) {
		return nil
	}
	var value []string
	if err := json.Unmarshal(c.values[field], &value); err != nil {
		c.bad(field, "must be a list of strings, such as [\"one\", \"two\"], not %s", kindOf(c.values[field]))
	}
	return value
}

// whole gives a field that must be a whole number, 0 when it is absent or wrong.
func (c *config) whole(field string) int {
	if !c.has(field) {
		return 0
	}
	var value int
	if err := json.Unmarshal(c.values[field], &value); err != nil {
		c.bad(field, "must be a whole number, not %s", kindOf(c.values[field]))
	}
	return value
}

func (c *config) attaches() bool { return c.text("request") == "attach" }

func (c *config) set(field string, value any) {
	raw, err := json.Marshal(value)
	if err == nil { // strings, numbers, lists and maps of them always can
		c.values[field] = raw
	}
}

// kindOf names a JSON value's type to a person.
func kindOf(raw json.RawMessage) string {
	switch trimmed := strings.TrimSpace(string(raw)); {
	case trimmed == "":
		return "nothing"
	case trimmed[0] == '{':
		return "an object"
	case trimmed[0] == '[':
		return "a list with something else in it"
	case trimmed[0] == '"':
		return "the string " + trimmed
	default:
		return trimmed
	}
}

var editorVariable = regexp.MustCompile(`\$\{[^}]*\}`)

// path gives a field that is a path, with the editor's variables that are known
// here replaced and relative paths made absolute. base is what they are relative to.
func (c *config) path(field, base string) string {
	value := c.text(field)
	if value == "" {
		return ""
	}
	if c.folder != "" {
		for _, name := range []string{"${workspaceFolder}", "${workspaceRoot}", "${workspaceFolder:" + filepath.Base(c.folder) + "}"} {
			value = strings.ReplaceAll(value, name, c.folder)
		}
	}
	if left := editorVariable.FindString(value); left != "" {
		c.bad(field, "%q holds %s, which the editor has not replaced: write the path itself", value, left)
		return ""
	}
	if rest, ok := strings.CutPrefix(value, "~/"); ok {
		if home, err := os.UserHomeDir(); err == nil {
			value = filepath.Join(home, rest)
		}
	}
	if !filepath.IsAbs(value) {
		if base == "" {
			base = c.folder
		}
		if base == "" {
			c.bad(field, "%q is a relative path, and it is not known to what: write an absolute path or open a workspace folder", value)
			return ""
		}
		value = filepath.Join(base, value)
	}
	return filepath.Clean(value)
}
