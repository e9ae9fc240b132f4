package sandbox

// UnavailableError says why a mode can't be had on this machine.
type UnavailableError struct {
	Mode Mode
	// Step is what was tried.
	Step string
	// Err is the system's answer.
	Err error
	// Reason is the cause in words, Fix what the user can do; either may be "".
	Reason, Fix string
}

func (e *UnavailableError) Error() string {
	text := "mode " + string(e.Mode) + " is not available: " + e.Step + ": " + e.Err.Error()
	if e.Reason != "" {
		text += " (" + e.Reason + ")"
	}
	if e.Fix != "" {
		text += ". " + e.Fix
	}
	return text
}

func (e *UnavailableError) Unwrap() error { return e.Err }
