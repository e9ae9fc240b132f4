#!/usr/bin/env bash
# The tests of both parts of the JetBrains plugin, on the cluster that is up. Whoever ends this ends them.
set -euo pipefail
cd "$(dirname "$0")/.."
trap 'kill "$tests" 2>/dev/null; wait "$tests"; exit 143' TERM INT
for part in core plugin; do
  ./scripts/jetbrains-junit.sh "$part" "$@" &
  tests=$!
  wait "$tests"
done
