#!/usr/bin/env bash
# The race detector needs a C compiler. On Debian and Ubuntu, as root, it is installed.
set -euo pipefail
works() {
  printf '#include <stdlib.h>\nint main(void) { return EXIT_SUCCESS; }\n' | gcc -x c - -o /dev/null 2>/dev/null
}
if works; then exit; fi
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
  echo "the race detector needs gcc and the C library's headers (Debian: gcc, libc6-dev): install them" >&2
  exit 1
fi
echo "installing gcc, which the race detector needs"
export DEBIAN_FRONTEND=noninteractive
install() { apt-get install -y -qq --no-install-recommends gcc libc6-dev >/dev/null; }
install 2>/dev/null || { apt-get update -qq && install; } # the package lists may be missing or old
works
