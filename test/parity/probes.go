package main

import "path"

// imageFolder is where the image has the probes.
const imageFolder = "/parity"

// probe is the same program text in the pod and on the workstation.
type probe struct {
	language string
	// runtime is the interpreter, at the same path in both places.
	runtime []string
	file    string
	only    []question // nil = all
}

var probes = []probe{
	{language: "go", file: "probe"},
}

// command is the probe's command line, its program being in a folder.
func (p probe) command(folder string) []string {
	return append(append([]string{}, p.runtime...), path.Join(folder, p.file))
}

func (p probe) questions() []question {
	if p.only != nil {
		return p.only
	}
	return questions
}
