package debug

import (
	"encoding/json"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kubetunnel/kubetunnel/protocol"
)

// guess is a launch configuration that may be what the user wants.
type guess struct {
	// title names the program for a person.
	title  string
	launch map[string]any
	// sure: it is of the file that the user looks at.
	sure bool
}

// mostGuesses is how many are worth a choice.
const mostGuesses = 12

// Suggest guesses how a program of the workspace folder could be debugged as a target.
// Those of the file that is open come first, in the order of the registry.
func Suggest(target protocol.Target, folder, file string) []protocol.Suggestion {
	var guesses []guess
	for _, a := range registry() {
		if a.suggest != nil {
			guesses = append(guesses, a.suggest(folder, file)...)
		}
	}
	slices.SortStableFunc(guesses, func(a, b guess) int {
		switch {
		case a.sure == b.sure:
			return 0
		case a.sure:
			return -1
		}
		return 1
	})
	name := "Debug in cluster"
	if target.Service != "" {
		name = "Debug " + target.Service + " in cluster"
	}
	var out []protocol.Suggestion
	for _, g := range guesses[:min(len(guesses), mostGuesses)] {
		launch, err := json.Marshal(g.launch)
		if err != nil {
			continue // strings and lists of them always can
		}
		out = append(out, protocol.Suggestion{Title: g.title, Configuration: protocol.DebugConfiguration{
			Type: "kubetunnel", Request: "launch", Name: name, Target: target, Debug: launch,
		}})
	}
	return out
}

// inFolder writes a path below the workspace folder as an editor's launch configurations do.
func inFolder(folder, path string) string {
	relative, err := filepath.Rel(folder, path)
	if err != nil || folder == "" || relative == ".." || strings.HasPrefix(relative, ".."+string(filepath.Separator)) {
		return path
	}
	if relative == "." {
		return "${workspaceFolder}"
	}
	return "${workspaceFolder}/" + filepath.ToSlash(relative)
}

// suggestGo guesses the package of the open file, then the other programs of the folder.
func suggestGo(folder, file string) []guess {
	var found []guess
	seen := map[string]bool{}
	add := func(dir string, sure bool) {
		if seen[dir] || !isProgram(dir) {
			return
		}
		seen[dir] = true
		found = append(found, guess{
			title: "Go: " + filepath.Base(dir), sure: sure,
			launch: map[string]any{"type": "go", "request": "launch", "program": inFolder(folder, dir)},
		})
	}
	if filepath.Ext(file) == ".go" {
		add(filepath.Dir(file), true)
	}
	if folder == "" {
		return found
	}
	for _, pattern := range []string{".", "*", filepath.Join("cmd", "*")} {
		dirs, err := filepath.Glob(filepath.Join(folder, pattern))
		if err != nil {
			continue // a folder with what is special in a pattern
		}
		for _, dir := range dirs {
			add(filepath.Clean(dir), false)
		}
	}
	return found
}

// isProgram tells whether a folder holds a Go program.
func isProgram(dir string) bool {
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return false
	}
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.PackageClauseOnly)
		return err == nil && parsed.Name.Name == "main"
	}
	return false
}

// suggestPython guesses the open file, then what a program's first file is usually called.
func suggestPython(folder, file string) []guess {
	launch := func(path string, sure bool) guess {
		return guess{title: "Python: " + filepath.Base(path), sure: sure, launch: map[string]any{
			"type": "debugpy", "request": "launch", "program": inFolder(folder, path),
		}}
	}
	var found []guess
	if filepath.Ext(file) == ".py" {
		found = append(found, launch(file, true))
	}
	return append(found, existing(folder, file, []string{"main.py", "app.py", "server.py", "__main__.py"}, launch)...)
}

// suggestNode guesses the open script, then what package.json starts.
func suggestNode(folder, file string) []guess {
	launch := func(path string, sure bool) guess {
		return guess{title: "Node: " + filepath.Base(path), sure: sure, launch: map[string]any{
			"type": "node", "request": "launch", "program": inFolder(folder, path),
		}}
	}
	var found []guess
	extension := filepath.Ext(file)
	if slices.Contains([]string{".js", ".mjs", ".cjs"}, extension) {
		found = append(found, launch(file, true))
	}
	var manifest struct {
		Scripts map[string]string `json:"scripts"`
	}
	raw, err := os.ReadFile(filepath.Join(folder, "package.json"))
	if folder != "" && err == nil && json.Unmarshal(raw, &manifest) == nil && manifest.Scripts["start"] != "" {
		found = append(found, guess{title: "Node: npm start", sure: extension == ".ts", launch: map[string]any{
			"type": "node", "request": "launch", "runtimeExecutable": "npm", "runtimeArgs": []string{"run", "start"}, "cwd": inFolder(folder, folder),
		}})
	}
	return append(found, existing(folder, file, []string{"server.js", "index.js", "main.js", "app.js"}, launch)...)
}

// existing guesses those of the names that the folder has.
func existing(folder, file string, names []string, launch func(string, bool) guess) []guess {
	var found []guess
	for _, name := range names {
		path := filepath.Join(folder, name)
		if info, err := os.Stat(path); folder != "" && path != file && err == nil && info.Mode().IsRegular() {
			found = append(found, launch(path, false))
		}
	}
	return found
}
