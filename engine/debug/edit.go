package debug

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
)

// A message is passed on as it came, byte for byte, but for the members that are
// ours to change. So they are found and replaced in the text; nothing is decoded
// and encoded again.

var errNotObject = errors.New("not a JSON object")

// member is a top-level member of an object: its name and where its value stands.
type member struct {
	name       string
	start, end int
}

// members finds the top-level members of a JSON object.
func members(object []byte) ([]member, error) {
	if !json.Valid(object) {
		return nil, errNotObject
	}
	i := skipSpace(object, 0)
	if object[i] != '{' {
		return nil, errNotObject
	}
	var found []member
	for i = skipSpace(object, i+1); object[i] != '}'; {
		end := skipValue(object, i)
		var name string
		if err := json.Unmarshal(object[i:end], &name); err != nil {
			return nil, err
		}
		i = skipSpace(object, skipSpace(object, end)+1) // over the colon
		m := member{name: name, start: i, end: skipValue(object, i)}
		found = append(found, m)
		i = skipSpace(object, m.end)
		if object[i] == ',' {
			i = skipSpace(object, i+1)
		}
	}
	return found, nil
}

func skipSpace(text []byte, i int) int {
	for i < len(text) && (text[i] == ' ' || text[i] == '\t' || text[i] == '\n' || text[i] == '\r') {
		i++
	}
	return i
}

// skipValue finds the end of the value at i in valid JSON.
func skipValue(text []byte, i int) int {
	depth := 0
	for i < len(text) {
		switch text[i] {
		case '"':
			i = skipString(text, i)
		case '{', '[':
			depth++
			i++
			continue
		case '}', ']':
			depth--
			i++
		case ',', ':', ' ', '\t', '\n', '\r':
			i++
			continue
		default:
			for i < len(text) && !bytes.ContainsRune([]byte(",:{}[] \t\r\n\""), rune(text[i])) {
				i++
			}
		}
		if depth == 0 {
			return i
		}
	}
	return i
}

func skipString(text []byte, i int) int {
	for i++; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(text)
}

// find gives the value of a member, the last one when there are several, as decoders do.
func find(object []byte, all []member, name string) json.RawMessage {
	for _, m := range slices.Backward(all) {
		if m.name == name {
			return object[m.start:m.end]
		}
	}
	return nil
}

// setMembers replaces the values of members, or adds them in front.
func setMembers(object []byte, all []member, values map[string]json.RawMessage) []byte {
	var out bytes.Buffer
	out.Grow(len(object) + 64)
	open := skipSpace(object, 0) + 1
	out.Write(object[:open])
	names := make([]string, 0, len(values))
	for name := range values {
		if !slices.ContainsFunc(all, func(m member) bool { return m.name == name }) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for i, name := range names {
		key, err := json.Marshal(name)
		if err != nil {
			continue // a string can always be encoded
		}
		out.Write(key)
		out.WriteByte(':')
		out.Write(values[name])
		if i < len(names)-1 || len(all) > 0 {
			out.WriteByte(',')
		}
	}
	from := open
	for _, m := range all {
		if value, ok := values[m.name]; ok {
			out.Write(object[from:m.start])
			out.Write(value)
			from = m.end
		}
	}
	out.Write(object[from:])
	return out.Bytes()
}

// setMember replaces or adds one member of a JSON object.
func setMember(object json.RawMessage, name string, value json.RawMessage) (json.RawMessage, error) {
	if len(bytes.TrimSpace(object)) == 0 || string(bytes.TrimSpace(object)) == "null" {
		object = json.RawMessage("{}")
	}
	all, err := members(object)
	if err != nil {
		return nil, err
	}
	return setMembers(object, all, map[string]json.RawMessage{name: value}), nil
}
