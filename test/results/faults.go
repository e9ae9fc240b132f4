package results

// Faults is build/soak.json: what became of the calls under each fault.
type Faults struct {
	Machine string  `json:"machine"`
	Date    string  `json:"date"`
	Rows    []Fault `json:"rows"`
}

// Fault is one row of the fault suite.
type Fault struct {
	Name string `json:"name"`
	// Form is "quick" or "long".
	Form     string `json:"form"`
	Runs     int    `json:"runs"`
	Requests int64  `json:"requests"`
	Failed   int64  `json:"failed"`
	// Inside are calls inside a process that was killed; they are not in Failed.
	Inside        int64 `json:"inside"`
	ControlFailed int64 `json:"control_failed"`
	// Slow took longer than a second.
	Slow int64 `json:"slow"`
	// RecoveryMillis is the longest time from a fault to an answer of the app's own pods to a
	// new call, -1 when there was none.
	RecoveryMillis int64 `json:"recovery_ms"`
	// RestoredMillis is the longest time from a fault until the Service was as before, in the
	// row that waits for nothing else; 0 in others.
	RestoredMillis int64 `json:"restored_ms,omitempty"`
	LeftBehind     int   `json:"left_behind"`
}

// Add takes another run of the same row in.
func (f *Fault) Add(one Fault) {
	if f.Runs == 0 {
		f.RecoveryMillis = -1
	}
	f.Name, f.Form = one.Name, one.Form
	f.Runs++
	f.Requests += one.Requests
	f.Failed += one.Failed
	f.Inside += one.Inside
	f.ControlFailed += one.ControlFailed
	f.Slow += one.Slow
	f.RecoveryMillis = max(f.RecoveryMillis, one.RecoveryMillis)
	f.RestoredMillis = max(f.RestoredMillis, one.RestoredMillis)
	f.LeftBehind += one.LeftBehind
}
