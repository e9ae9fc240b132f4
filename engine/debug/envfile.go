package debug

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

// envFiles replaces "envFile" (a path or a list of paths) by its variables in "env",
// where they give way to those written there.
func envFiles(c *config) {
	if !c.has("envFile") {
		return
	}
	files := []string{""}
	if strings.HasPrefix(strings.TrimSpace(string(c.values["envFile"])), "[") {
		files = c.list("envFile")
	} else {
		files[0] = c.text("envFile")
	}
	merged := variables{}
	for _, file := range files {
		if file == "" {
			continue
		}
		one := &config{folder: c.folder, values: map[string]json.RawMessage{}}
		one.set("envFile", file)
		path := one.path("envFile", "")
		c.findings = append(c.findings, one.findings...)
		if path == "" {
			return
		}
		data, err := readEnvFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			c.absent("envFile", "%s: %v", path, cause(err))
			return
		}
		if err != nil {
			c.bad("envFile", "%s: %v", path, cause(err))
			return
		}
		vars, err := parseEnvFile(string(data))
		if err != nil {
			c.bad("envFile", "%s: %v", path, err)
			return
		}
		merged.merge(vars)
	}
	user, err := userVariables(c.values["env"])
	if err != nil {
		return // told already
	}
	merged.merge(user)
	c.set("env", merged)
	delete(c.values, "envFile")
}

// maxEnvFile is more than an environment can hold (execve(2)).
const maxEnvFile = 8 << 20

// readEnvFile reads a file, or a pipe as keepers of secrets give it, but nothing without an end.
func readEnvFile(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	data, err := io.ReadAll(io.LimitReader(file, maxEnvFile+1))
	if err == nil && len(data) > maxEnvFile {
		err = fmt.Errorf("it has more than %d bytes, which no environment can hold", maxEnvFile)
	}
	return data, err
}

// parseEnvFile reads the usual .env format: NAME=value lines, "export" allowed,
// comments, single quotes as they are, double quotes with \n, \" and \\.
func parseEnvFile(text string) (variables, error) {
	if strings.ContainsRune(text, 0) {
		return nil, errors.New("it holds a NUL byte, which no environment can")
	}
	vars := variables{}
	lines := strings.Split(strings.TrimPrefix(text, "\ufeff"), "\n")
	for i := 0; i < len(lines); i++ {
		first := i
		line := strings.TrimSpace(lines[i])
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, value, ok := strings.Cut(strings.TrimPrefix(line, "export "), "=")
		name = strings.TrimSpace(name)
		if !ok || name == "" || strings.ContainsAny(name, " \t") {
			return nil, fmt.Errorf("line %d is not NAME=value", first+1)
		}
		value = strings.TrimSpace(value)
		if value == "" || (value[0] != '"' && value[0] != '\'') {
			if comment := strings.Index(value, " #"); comment >= 0 {
				value = strings.TrimSpace(value[:comment])
			}
			vars.set(name, value)
			continue
		}
		quote := value[0]
		content, closed := unquoteEnv(value[1:], quote)
		for !closed && i+1 < len(lines) { // a quoted value may have lines
			i++
			value += "\n" + strings.TrimSuffix(lines[i], "\r")
			content, closed = unquoteEnv(value[1:], quote)
		}
		if !closed {
			return nil, fmt.Errorf("line %d: the quote does not end", first+1)
		}
		vars.set(name, content)
	}
	return vars, nil
}

// unquoteEnv reads up to the closing quote.
func unquoteEnv(text string, quote byte) (string, bool) {
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == quote:
			return out.String(), true
		case text[i] == '\\' && quote == '"' && i+1 < len(text):
			i++
			switch text[i] {
			case 'n':
				out.WriteByte('\n')
			case 'r':
				out.WriteByte('\r')
			case 't':
				out.WriteByte('\t')
			case '"', '\\', '$':
				out.WriteByte(text[i])
			default:
				out.WriteByte('\\')
				out.WriteByte(text[i])
			}
		default:
			out.WriteByte(text[i])
		}
	}
	return "", false
}
