#!/usr/bin/env bash
# The race detector and the parity suite's probe in C need a C compiler. On Debian
# and Ubuntu, as root, it is installed.
set -euo pipefail
works() {
  printf '#include <stdlib.h>\nint main(void) { return EXIT_SUCCESS; }\n' | gcc -x c - -o /dev/null 2>/dev/null
}
if works; then exit; fi
"$(dirname "$0")/packages.sh" "a C compiler with the C library's headers" gcc libc6-dev
works
