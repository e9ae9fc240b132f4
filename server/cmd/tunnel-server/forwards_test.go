package main

import (
	"errors"
	"maps"
	"testing"

	"github.com/kubetunnel/kubetunnel/protocol"
)

func TestForwardsAreTakenOnceEachWithHostAndPort(t *testing.T) {
	for _, c := range []struct {
		name string
		in   []protocol.Forward
		want map[int]string
	}{
		{"none", nil, map[int]string{}},
		{"two", []protocol.Forward{{LocalPort: 5432, Address: "db.data:5432"}, {LocalPort: 80, Address: "[fd00::1]:80"}}, map[int]string{5432: "db.data:5432", 80: "[fd00::1]:80"}},
		{"no port", []protocol.Forward{{LocalPort: 5432, Address: "db"}}, nil},
		{"no host", []protocol.Forward{{LocalPort: 5432, Address: ":80"}}, nil},
		{"a port's name", []protocol.Forward{{LocalPort: 5432, Address: "db:postgres"}}, nil},
		{"port 0", []protocol.Forward{{LocalPort: 1, Address: "db:0"}}, nil},
		{"no local port", []protocol.Forward{{Address: "db:80"}}, nil},
		{"local port too high", []protocol.Forward{{LocalPort: 65536, Address: "db:80"}}, nil},
		{"twice", []protocol.Forward{{LocalPort: 80, Address: "a:80"}, {LocalPort: 80, Address: "b:80"}}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := forwardMap(c.in)
			var known *protocol.Error
			if c.want == nil {
				if !errors.As(err, &known) || known.Code != protocol.CodeInvalidParams {
					t.Errorf("%v, %v; want an error about the parameters", got, err)
				}
			} else if err != nil || !maps.Equal(got, c.want) {
				t.Errorf("%v, %v", got, err)
			}
		})
	}
}
