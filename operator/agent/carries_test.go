package agent

import (
	"testing"

	"github.com/kubetunnel/kubetunnel/operator/control"
)

func TestWhatAPortCarriesIsSaidByItsService(t *testing.T) {
	for _, c := range []struct {
		appProtocol, name string
		want              carriage
	}{
		{"", "", carriesAny},
		{"", "web", carriesAny},
		{"", "http", carriesHTTP},
		{"", "HTTP-metrics", carriesHTTP},
		{"", "http2-web", carriesHTTP},
		{"", "grpc-api", carriesHTTP},
		{"", "grpc-web", carriesHTTP},
		{"", "httpbin", carriesAny},
		{"", "https", carriesBytes},
		{"", "tcp-web", carriesBytes},
		{"", "mysql", carriesBytes},
		{"http", "tcp-web", carriesHTTP},
		{"tcp", "http", carriesBytes},
		{"kubernetes.io/h2c", "x", carriesHTTP},
		{"kubernetes.io/ws", "x", carriesHTTP},
		{"kubernetes.io/wss", "x", carriesBytes},
		{"example.com/own", "http", carriesAny},
	} {
		if got := carries(control.Port{AppProtocol: c.appProtocol, Name: c.name}); got != c.want {
			t.Errorf("appProtocol %q, name %q: %v, want %v", c.appProtocol, c.name, got, c.want)
		}
	}
}

func TestFirstBytesTellWhatACallerSpeaks(t *testing.T) {
	for first, want := range map[string]speech{
		"G":                              speaksHTTP1,
		"GET":                            speaksHTTP1,
		"GET / HTTP/1.1\r\n":             speaksHTTP1,
		"POST":                           speaksHTTP1,
		"P":                              mayBeH2C,
		"PRI * HT":                       mayBeH2C,
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r": mayBeH2C,
		string(preface):                  speaksH2C,
		string(preface) + "\x00\x00":     speaksH2C,
		"PRI * HTTP/3":                   speaksHTTP1, // and then no request line
		"\x16\x03\x01":                   speaksOther,
		" GET":                           speaksOther,
		"\r\nGET":                        speaksOther,
		"PING\n":                         speaksOther,
		"*1\r\n":                         speaksOther,
		"\x00":                           speaksOther,
	} {
		if got := listenTo([]byte(first)); got != want {
			t.Errorf("%q: %v, want %v", first, got, want)
		}
	}
}
