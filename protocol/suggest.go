package protocol

import "encoding/json"

// DebugConfiguration is a launch configuration as people write it in an editor for the debug type "kubetunnel".
type DebugConfiguration struct {
	// Type is "kubetunnel".
	Type string `json:"type"`
	// Request is "launch".
	Request string `json:"request"`
	Name    string `json:"name"`
	// Target is the Service that the program stands in for while it is debugged.
	Target Target `json:"target"`
	// Debug tells how to debug the program: a launch configuration as one would write it to debug
	// the program on the workstation, such as {"type": "go", "program": "${workspaceFolder}"}, or the
	// name of another configuration in the same file.
	Debug json.RawMessage `json:"debug"`
}

// SuggestSessionParams tells what is open in the editor.
type SuggestSessionParams struct {
	Target Target `json:"target"`
	// File is the file that the user looks at; "" = none.
	File string `json:"file,omitempty"`
	// Folder is the workspace folder; "" = the folder in which the server was started.
	Folder string `json:"folder,omitempty"`
}

// SuggestSessionResult lists what could be debugged, the likeliest first.
type SuggestSessionResult struct {
	Suggestions []Suggestion `json:"suggestions"`
}

// Suggestion is one way to debug.
type Suggestion struct {
	// Title names the program for a person, such as "Go: cart".
	Title         string             `json:"title"`
	Configuration DebugConfiguration `json:"configuration"`
}
