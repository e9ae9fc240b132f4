package tunnel

import (
	"errors"
	"net"
	"testing"
)

func TestKeysThatAreNotPinnedAreRefused(t *testing.T) {
	w := newWorld(t, Config{})
	other := newWorld(t, Config{})
	for name, cfg := range map[string]ClientConfig{
		"unknown client":             {Key: mustKey(t)},
		"another intercept's client": {Key: other.clientKey},
		"wrong server":               {Peer: other.serverKey.Public()},
	} {
		t.Run(name, func(t *testing.T) {
			var refused *UnauthorizedError
			if s, err := w.connect(cfg); err == nil {
				_ = s.Close()
				t.Error("it was taken")
			} else if !errors.As(err, &refused) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestWithdrawnKeyLosesItsSessionAndCannotComeBack(t *testing.T) {
	w := newWorld(t, Config{})
	s := w.mustConnect(ClientConfig{})
	w.allowed.Delete(w.clientKey.Public())
	w.server.Withdraw(w.clientKey.Public())
	<-s.Done()
	var refused *UnauthorizedError
	if _, err := w.connect(ClientConfig{}); !errors.As(err, &refused) {
		t.Errorf("got %v", err)
	}
}

func TestResumeWithoutTheSecretIsRefusedAndHarmless(t *testing.T) {
	w := newWorld(t, Config{Handler: echo})
	s := w.mustConnect(ClientConfig{})
	conn, err := net.Dial("tcp", w.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	h := hello{major: versionMajor, id: s.pipe.id}
	greeting, err := greet(conn, h)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := prove(conn, []byte("guess"), h, greeting); err == nil {
		t.Fatal("a guess was taken for the secret")
	}
	if !s.Attached() {
		t.Error("the attempt cut the true client off")
	}
	if err := roundTrip(t.Context(), s, 1, 1000); err != nil {
		t.Error(err)
	}
}

func TestOtherMajorVersionIsRefusedByNumber(t *testing.T) {
	w := newWorld(t, Config{})
	conn, err := net.Dial("tcp", w.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	var version *VersionError
	if _, err := greet(conn, hello{major: 99}); !errors.As(err, &version) {
		t.Errorf("got %v", err)
	}
}
