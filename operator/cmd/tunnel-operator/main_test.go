package main

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestBadSettingsAreRefusedBeforeAnythingStarts(t *testing.T) {
	good := flags{pullPolicy: "Never", inherit: []string{"environment"}}
	if s, err := good.settings(); err != nil || !s.Inherit.Environment || s.Inherit.Files {
		t.Errorf("%+v, %v", s, err)
	}
	for name, bad := range map[string]flags{
		"pull policy": {pullPolicy: "never"}, "inherit": {pullPolicy: "Never", inherit: []string{"everything"}},
	} {
		if _, err := bad.settings(); err == nil {
			t.Errorf("a bad %s was taken", name)
		}
	}
}
