package debug

import "os"

// terminateSignal ends a program: Windows has no way to ask.
var terminateSignal = os.Kill
