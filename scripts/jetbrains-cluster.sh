#!/usr/bin/env bash
# The tests of both parts of the JetBrains plugin, on the cluster that is up.
set -euo pipefail
cd "$(dirname "$0")/.."
for part in core plugin; do ./scripts/jetbrains-junit.sh "$part" "$@"; done
