package debug

// Whether the program is to have a terminal of the editor's, as Delve, debugpy, lldb-dap
// and others spell it: "console".

func checkConsole(c *config) {
	switch console := c.text("console"); console {
	case "", "internalConsole", "integratedTerminal", "externalTerminal":
	default:
		c.bad("console", "must be \"internalConsole\", \"integratedTerminal\" or \"externalTerminal\", not %q", console)
	}
}

// consoleTerminal is the kind of terminal in runInTerminal's words.
func consoleTerminal(c *config) string {
	switch c.text("console") {
	case "integratedTerminal":
		return "integrated"
	case "externalTerminal":
		return "external"
	}
	return ""
}
