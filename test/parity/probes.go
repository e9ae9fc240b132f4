package main

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// imageFolder is where the image has the probes.
const imageFolder = "/parity"

// image is the probes' image, as scripts/parity-image.sh has built it.
type image struct {
	ref, tarball, folder string
	// python and node are the interpreters, at the same paths in the image and here.
	python, node string
}

func readImage(folder string) (image, error) {
	content, err := os.ReadFile(filepath.Join(folder, "built"))
	if err != nil {
		return image{}, fmt.Errorf("no image of the probes (`make parity` builds it): %w", err)
	}
	built := map[string]string{}
	for line := range strings.Lines(string(content)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		built[name] = value
	}
	folder, err = filepath.Abs(folder)
	return image{ref: built["image"], python: built["python"], node: built["node"], tarball: filepath.Join(folder, "image.tar"), folder: folder}, err
}

// probe is a program, whose text is the same in the pod and on the workstation.
type probe struct {
	language string
	runtime  string // "" = the program runs by itself
	file     string
	asked    []question
}

func (i image) probes() []probe {
	return []probe{
		{language: "go", file: "probe", asked: questions},
		{language: "c", file: "probe-c", asked: questionsOfC},
		{language: "python", runtime: i.python, file: "probe.py", asked: questionsOfPython},
		{language: "node", runtime: i.node, file: "probe.mjs", asked: questionsOfNode},
	}
}

// command is the probe's command line, its program being in a folder.
func (p probe) command(folder string) []string {
	program := path.Join(folder, p.file)
	if p.runtime == "" {
		return []string{program}
	}
	return []string{p.runtime, program}
}
