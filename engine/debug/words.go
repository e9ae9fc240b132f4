package debug

import (
	"errors"
	"fmt"
	"strings"
)

// options gives a field of a program's options: a list, or, as people write them in a
// shell, a string, with quotes around what has blanks in it.
func options(c *config, field string) ([]string, error) {
	if !c.has(field) {
		return nil, nil
	}
	switch kind := strings.TrimSpace(string(c.values[field]))[0]; kind {
	case '[':
		one := &config{values: c.values}
		list := one.list(field)
		if len(one.findings) > 0 {
			return nil, fmt.Errorf("must be a list of strings, such as [\"one\", \"two\"], not %s", kindOf(c.values[field]))
		}
		return list, nil
	case '"':
		return splitWords(c.text(field))
	default:
		return nil, fmt.Errorf("must be a string or a list of strings, not %s", kindOf(c.values[field]))
	}
}

// optionList makes a list of a field of a program's options.
func optionList(c *config, field string) {
	list, err := options(c, field)
	switch {
	case err != nil:
		c.bad(field, "%v", err)
	case list != nil:
		c.set(field, list)
	}
}

// splitWords takes a line apart at its blanks. Single quotes keep all between them as it
// is, double quotes all but a backslash's quote or backslash.
func splitWords(line string) (words []string, err error) {
	var word strings.Builder
	begun, quote := false, rune(0)
	escaped := false
	for _, r := range line {
		switch {
		case escaped:
			if quote != 0 && r != '"' && r != '\\' {
				word.WriteRune('\\')
			}
			word.WriteRune(r)
			escaped = false
		case r == '\\' && quote != '\'':
			escaped, begun = true, true
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '"' || r == '\'':
			quote, begun = r, true
		case strings.ContainsRune(" \t\r\n", r):
			if begun {
				words = append(words, word.String())
				word.Reset()
				begun = false
			}
		default:
			word.WriteRune(r)
			begun = true
		}
	}
	if quote != 0 {
		return nil, errors.New("a quote is not closed")
	}
	if escaped {
		return nil, errors.New("nothing follows the last backslash")
	}
	if begun {
		words = append(words, word.String())
	}
	return words, nil
}
