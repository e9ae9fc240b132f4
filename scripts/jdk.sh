#!/usr/bin/env bash
# The end-to-end tests run Java programs. On Debian and Ubuntu, as root, a JDK is installed.
set -euo pipefail
works() { command -v java >/dev/null && java --list-modules 2>/dev/null | grep -q '^jdk\.compiler'; }
if works; then exit; fi
"$(dirname "$0")/packages.sh" "a JDK of version 11 or newer" default-jdk-headless
works
