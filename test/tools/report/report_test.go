package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const mixed = `{"Action":"start","Package":"p"}
{"Action":"output","Package":"p","Test":"TestA","Output":"noise\n"}
{"Action":"pass","Package":"p","Test":"TestA","Elapsed":0.1}
{"Action":"output","Package":"p","Test":"TestB/sub","Output":"why\n"}
{"Action":"fail","Package":"p","Test":"TestB/sub"}
{"Action":"fail","Package":"p","Test":"TestB"}
{"Action":"skip","Package":"p","Test":"TestC"}
{"Action":"output","Package":"p","Test":"TestD","Output":"panic: cut short\n"}
{"Action":"output","Package":"p","Output":"FAIL\tp\t0.2s\n"}
{"Action":"fail","Package":"p"}
{"Action":"output","Package":"q","Output":"PASS\n"}
{"Action":"output","Package":"q","Output":"ok  \tq\t0.1s\n"}
{"Action":"pass","Package":"q"}
{"ImportPath":"r","Action":"build-output","Output":"r.go:1: undefined: x\n"}
{"Action":"fail","Package":"r","FailedBuild":"r"}
{"Action":"output","Package":"s","Output":"?   \ts\t[no test files]\n"}
{"Action":"skip","Package":"s"}
not an event
`

func TestReportTellsWhatFailedAndCounts(t *testing.T) {
	var out strings.Builder
	r := newReport(&out, false)
	if err := r.read(strings.NewReader(mixed)); err != nil {
		t.Fatal(err)
	}
	r.summary()
	for _, want := range []string{"why\n", "panic: cut short\n", "FAIL\tp", "ok  \tq\t0.1s\n", "undefined: x", "not an event\n", "1 passed, 1 failed, 1 skipped; 3 packages, 2 of them failed\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in:\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "noise") || strings.Contains(out.String(), "PASS") || strings.Contains(out.String(), "no test files") {
		t.Errorf("what passed makes noise:\n%s", out.String())
	}
}

func TestStreamTellsEachTestAtItsEnd(t *testing.T) {
	var out strings.Builder
	r := newReport(&out, true)
	input := `{"Action":"output","Package":"p","Output":"   0.0s  making a cluster\n"}
{"Action":"pass","Package":"p","Test":"TestL/slow","Elapsed":7}
{"Action":"pass","Package":"p","Test":"TestL/quick","Elapsed":1}
` + mixed
	if err := r.read(strings.NewReader(input)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"making a cluster\n", "pass  TestA (0.1 s)\n", "fail  TestB", "skip  TestC", "pass  TestL/slow (7.0 s)\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in:\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "quick") {
		t.Errorf("short parts make noise:\n%s", out.String())
	}
}

func TestRunGivesTheCommandsExitCode(t *testing.T) {
	for script, want := range map[string]int{"exit 0": 0, "exit 3": 3, "kill -9 $$": 1} {
		var out strings.Builder
		code, err := run([]string{"sh", "-c", script}, t.TempDir(), newReport(&out, false))
		if code != want || err != nil {
			t.Errorf("%s: %d, %v", script, code, err)
		}
	}
	if code, err := run([]string{filepath.Join(t.TempDir(), "none")}, "", newReport(os.Stdout, false)); code == 0 || err == nil {
		t.Error("ran nothing")
	}
}
