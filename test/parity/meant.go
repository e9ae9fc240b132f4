package main

import (
	"fmt"
	"os"
	"regexp"
	"strings"
)

// difference is a line of README.md's table: one that is meant, and why. question,
// pod and session may have a * for any text.
type difference struct{ question, language, user, pod, session, why string }

// readMeant reads the table, whose columns are question, who, pod, session, why. "the
// same" is the reason of the line before.
func readMeant(path string) ([]difference, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return parseMeant(string(content))
}

// The table's columns.
const (
	columnQuestion = iota
	columnWho
	columnPod
	columnSession
	columnWhy
	columns
)

func parseMeant(text string) (list []difference, err error) {
	inside := false
	for line := range strings.Lines(text) {
		cells, row := cellsOf(line)
		switch {
		case !row:
			inside = false
		case len(cells) == columns && strings.EqualFold(cells[columnQuestion], "question"):
			inside = true
		case !inside || strings.Trim(strings.Join(cells, ""), "-: ") == "":
		case len(cells) != columns:
			return nil, fmt.Errorf("the table's line %q has %d columns, not %d", line, len(cells), columns)
		case cells[columnWhy] == "":
			return nil, fmt.Errorf("the table's line %q gives no reason", line)
		default:
			d := difference{question: cells[columnQuestion], pod: cells[columnPod], session: cells[columnSession], why: cells[columnWhy]}
			if d.why == "the same" && len(list) > 0 {
				d.why = list[len(list)-1].why
			}
			if d.language, d.user, err = whoOf(cells[columnWho]); err != nil {
				return nil, fmt.Errorf("the table's line %q: %w", line, err)
			}
			list = append(list, d)
		}
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("there is no table of differences")
	}
	return list, nil
}

// cellsOf are a table line's, without the marks of code. \| is a | in a cell.
func cellsOf(line string) (cells []string, row bool) {
	line = strings.TrimSpace(line)
	if !strings.HasPrefix(line, "|") || !strings.HasSuffix(line, "|") {
		return nil, false
	}
	const bar = "\x00"
	for _, cell := range strings.Split(strings.Trim(strings.ReplaceAll(line, `\|`, bar), "|"), "|") {
		cell = strings.Trim(strings.TrimSpace(cell), "`")
		cells = append(cells, strings.NewReplacer(bar, "|", "<br>", "\n").Replace(cell))
	}
	return cells, true
}

// whoOf reads "all", "user", "go", "go user" and the like.
func whoOf(text string) (language, user string, err error) {
	language, user = "*", "*"
	for _, word := range strings.Fields(text) {
		switch word {
		case "all":
		case "root", "user":
			user = word
		case "go", "c", "python", "node":
			language = word
		default:
			return "", "", fmt.Errorf("who is %q?", word)
		}
	}
	return language, user, nil
}

// explains tells whether a row is this difference.
func (d difference) explains(r *row) bool {
	return like(d.language, r.Language) && like(d.user, r.User) && like(d.question, r.Question) && like(d.pod, r.Pod) && like(d.session, r.Session)
}

// like matches a text with a pattern in which * is any text.
func like(pattern, text string) bool {
	parts := strings.Split(pattern, "*")
	for i, part := range parts {
		parts[i] = regexp.QuoteMeta(part)
	}
	return regexp.MustCompile(`(?s)^` + strings.Join(parts, ".*") + `$`).MatchString(strings.TrimSpace(text))
}
