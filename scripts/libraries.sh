#!/usr/bin/env bash
# libraries.sh PROGRAM...: the shared libraries that programs and libraries load, by their paths.
set -euo pipefail
ldd "$@" 2>/dev/null | grep -oE '/\S+\.so\S*' | grep -v ':$' | sort -u
