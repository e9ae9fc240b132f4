package sandbox

// UnavailableError says why a mode can't be had on this machine.
type UnavailableError struct {
	Mode Mode
	// Step is what was tried.
	Step string
	// Err is the system's answer.
	Err error
	// Reason is the cause in words, Fix what the user can do, and Command the command
	// line for it; each may be "".
	Reason, Fix, Command string
}

func (e *UnavailableError) Error() string {
	text := "mode " + string(e.Mode) + " is not available: " + e.Step + ": " + e.Err.Error()
	if e.Reason != "" {
		text += " (" + e.Reason + ")"
	}
	if advice := e.advice(); advice != "" {
		text += ". " + advice
	}
	return text
}

// because is what was tried, how it ended, and the cause.
func (e *UnavailableError) because() string {
	text := e.Step + ": " + e.Err.Error() + "."
	if e.Reason != "" {
		text += " The cause: " + e.Reason + "."
	}
	return text
}

// advice is what the user can do, in a sentence.
func (e *UnavailableError) advice() string {
	if e.Command == "" {
		return e.Fix
	}
	return e.Fix + ": " + e.Command
}

func (e *UnavailableError) Unwrap() error { return e.Err }
