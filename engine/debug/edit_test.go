package debug

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
)

func TestSetMembersKeepsTheRest(t *testing.T) {
	for _, test := range []struct{ name, in, want string }{
		{"replaced", `{"seq":1,"a":2}`, `{"seq":9,"a":2}`},
		{"white space and order", "{ \"a\" : [1, 2 ] ,\n \"seq\" :1 }", "{ \"a\" : [1, 2 ] ,\n \"seq\" :9 }"},
		{"added", `{"a":1}`, `{"seq":9,"a":1}`},
		{"added to nothing", `{}`, `{"seq":9}`},
		{"not inside", `{"body":{"seq":1},"seq":2}`, `{"body":{"seq":1},"seq":9}`},
		{"not in strings", `{"x":"\"seq\":1,}{","seq":2}`, `{"x":"\"seq\":1,}{","seq":9}`},
		{"twice", `{"seq":1,"seq":2}`, `{"seq":9,"seq":9}`},
		{"escaped name", `{"s\u0065q":1}`, `{"s\u0065q":9}`},
		{"another case is another member", `{"SEQ":1}`, `{"seq":9,"SEQ":1}`},
		{"a structure as value", `{"seq":{"a":[{}]},"b":1.0e5}`, `{"seq":9,"b":1.0e5}`},
	} {
		got, err := setMember(json.RawMessage(test.in), "seq", number(9))
		if err != nil || string(got) != test.want {
			t.Errorf("%s: got %s, %v, want %s", test.name, got, err, test.want)
		}
	}
	for _, in := range []string{`[]`, `1`, `"x"`, `{"a":1`, `{"a":1}}`, `{a:1}`} {
		if got, err := setMember(json.RawMessage(in), "seq", number(9)); err == nil {
			t.Errorf("%s is taken for an object: %s", in, got)
		}
	}
}

func TestReadFrame(t *testing.T) {
	for _, test := range []struct {
		name, in, want string
		bad            bool
	}{
		{"plain", "Content-Length: 2\r\n\r\n{}", "{}", false},
		{"other headers, other case", "Content-Type: x\r\ncontent-length:2\r\n\r\n{}", "{}", false},
		{"bare newlines", "Content-Length: 2\n\n{}", "{}", false},
		{"no length", "Content-Type: x\r\n\r\n{}", "", true},
		{"negative", "Content-Length: -2\r\n\r\n{}", "", true},
		{"too long", "Content-Length: 9999999999\r\n\r\n{}", "", true},
		{"no number", "Content-Length: two\r\n\r\n{}", "", true},
		{"no header", "hello\r\n\r\n", "", true},
		{"endless line", strings.Repeat("x", 1<<20), "", true},
		{"endless headers", strings.Repeat("a: b\r\n", 1000), "", true},
	} {
		got, err := readFrame(bufio.NewReader(strings.NewReader(test.in)))
		var bad *frameError
		if string(got) != test.want || errors.As(err, &bad) != test.bad {
			t.Errorf("%s: got %q, %v", test.name, got, err)
		}
	}
	for in, want := range map[string]error{
		"": io.EOF, "Content-Le": io.ErrUnexpectedEOF, "Content-Length: 5\r\n": io.ErrUnexpectedEOF, "Content-Length: 5\r\n\r\n{}": io.ErrUnexpectedEOF,
	} {
		if _, err := readFrame(bufio.NewReader(strings.NewReader(in))); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", in, err, want)
		}
	}
}

// FuzzFrame: whatever comes, reading ends without a panic, and what was written is read again.
func FuzzFrame(f *testing.F) {
	f.Add([]byte("Content-Length: 2\r\n\r\n{}"))
	f.Add([]byte("Content-Length: 99999999999\r\n\r\n{}"))
	f.Add([]byte("\r\n\r\nContent-Length: 1\n\n1"))
	f.Fuzz(func(t *testing.T, data []byte) {
		reader := bufio.NewReader(bytes.NewReader(data))
		for {
			frame, err := readFrame(reader)
			if err != nil {
				break
			}
			_, _ = parseMessage(frame)
		}
		var written bytes.Buffer
		if err := writeFrame(&written, data); err != nil {
			t.Fatal(err)
		}
		if again, err := readFrame(bufio.NewReader(&written)); err != nil || !bytes.Equal(again, data) {
			t.Fatalf("got %q, %v", again, err)
		}
	})
}

// FuzzRenumber: after an edit the members have their new values, and all others are as before.
func FuzzRenumber(f *testing.F) {
	f.Add([]byte(`{"seq":1,"type":"event","body":{"seq":[1,"}"]}}`))
	f.Add([]byte(` { "s\u0065q" : -0.1e+5 , "":null}`))
	f.Add([]byte(`{"request_seq":{},"seq":"\\"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		all, err := members(data)
		if err != nil {
			return
		}
		edited := setMembers(data, all, map[string]json.RawMessage{"seq": number(77), "request_seq": number(78)})
		var before, after map[string]any
		if err := json.Unmarshal(data, &before); err != nil {
			t.Skip() // an object, but with a number that Go can't hold
		}
		if err := json.Unmarshal(edited, &after); err != nil {
			t.Fatalf("%s became %s: %v", data, edited, err)
		}
		before["seq"], before["request_seq"] = 77.0, 78.0
		if !reflect.DeepEqual(before, after) {
			t.Fatalf("%s became %s", data, edited)
		}
	})
}
