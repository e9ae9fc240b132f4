package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// event is one of `go test -json`.
type event struct {
	Action      string
	Package     string
	ImportPath  string // of build-output
	Test        string
	Output      string
	Elapsed     float64
	FailedBuild string
}

// longPart is from how many seconds on a part of a test is told as well, so that a long
// test shows how far it is.
const longPart = 5

type key struct{ pkg, test string }

// report counts top-level tests, and keeps what each test has written until it has ended.
type report struct {
	out    io.Writer
	stream bool

	passed, failed, skipped int
	packages, failedPkgs    int
	written                 map[key]*strings.Builder
	builds                  map[string]*strings.Builder
}

func newReport(out io.Writer, stream bool) *report {
	return &report{out: out, stream: stream, written: map[key]*strings.Builder{}, builds: map[string]*strings.Builder{}}
}

func (r *report) line(line []byte) {
	var e event
	if err := json.Unmarshal(line, &e); err != nil || e.Action == "" {
		fmt.Fprintf(r.out, "%s", line)
		return
	}
	switch e.Action {
	case "build-output":
		note(r.builds, e.ImportPath, e.Output)
	case "output":
		r.output(e)
	case "pass", "fail", "skip":
		if e.Test == "" {
			r.endPackage(e)
		} else {
			r.endTest(e)
		}
	}
}

func note[K comparable](texts map[K]*strings.Builder, of K, text string) {
	if texts[of] == nil {
		texts[of] = &strings.Builder{}
	}
	texts[of].WriteString(text)
}

func (r *report) output(e event) {
	// What a package's TestMain says is told as it comes: bringing up a cluster takes long.
	if e.Test == "" && r.stream && !strings.HasPrefix(e.Output, "ok ") && !strings.HasPrefix(e.Output, "FAIL") && e.Output != "PASS\n" {
		fmt.Fprint(r.out, e.Output)
		return
	}
	note(r.written, key{e.Package, e.Test}, e.Output)
}

func (r *report) endTest(e event) {
	of := key{e.Package, e.Test}
	top := !strings.Contains(e.Test, "/")
	switch e.Action {
	case "fail":
		r.tell(of)
		if top {
			r.failed++
		}
	case "skip":
		if top {
			r.skipped++
		}
	case "pass":
		if top {
			r.passed++
		}
	}
	delete(r.written, of)
	if r.stream && (top || strings.Count(e.Test, "/") == 1 && e.Elapsed >= longPart) {
		fmt.Fprintf(r.out, "%-5s %s (%.1f s)\n", e.Action, e.Test, e.Elapsed)
	}
}

func (r *report) tell(of key) {
	if text := r.written[of]; text != nil {
		fmt.Fprint(r.out, text.String())
	}
}

// endPackage tells a package's line, and of a failed one all that is left to tell:
// tests that were cut short by a panic or a timeout have no end of their own.
func (r *report) endPackage(e event) {
	if e.Action != "skip" { // it has no tests
		r.packages++
	}
	if e.Action == "pass" {
		if text := r.written[key{e.Package, ""}]; text != nil {
			fmt.Fprint(r.out, lastLine(text.String()))
		}
	}
	if e.Action == "fail" {
		r.failedPkgs++
		if text := r.builds[e.FailedBuild]; text != nil {
			fmt.Fprint(r.out, text.String())
		}
		for of := range r.written {
			if of.pkg == e.Package && of.test != "" {
				r.tell(of)
			}
		}
		r.tell(key{e.Package, ""})
	}
	for of := range r.written {
		if of.pkg == e.Package {
			delete(r.written, of)
		}
	}
}

func lastLine(text string) string {
	lines := strings.SplitAfter(strings.TrimSuffix(text, "\n"), "\n")
	return lines[len(lines)-1] + "\n"
}

func (r *report) summary() {
	fmt.Fprintf(r.out, "%d passed, %d failed, %d skipped; %d packages, %d of them failed\n",
		r.passed, r.failed, r.skipped, r.packages, r.failedPkgs)
}
