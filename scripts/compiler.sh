#!/usr/bin/env bash
# The race detector needs a C compiler. On Debian and Ubuntu, as root, it is installed.
set -euo pipefail
works() { echo '#include <stdlib.h>
int main(void) { return EXIT_SUCCESS; }' | gcc -x c - -o /dev/null 2>/dev/null; }
if works; then exit; fi
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
  echo "the race detector needs gcc and the C library's headers (Debian: gcc, libc6-dev): install them" >&2
  exit 1
fi
echo "installing gcc, which the race detector needs"
export DEBIAN_FRONTEND=noninteractive
apt-get install -y -qq --no-install-recommends gcc libc6-dev >/dev/null 2>&1 || {
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends gcc libc6-dev >/dev/null
}
works
