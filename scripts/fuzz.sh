#!/usr/bin/env bash
# fuzz.sh TIME: runs each fuzz target of the project for that long.
set -euo pipefail
cd "$(dirname "$0")/.."
time=${1:-10s}
targets=$(grep -roHE '^func Fuzz[A-Za-z0-9_]+' --include='*_test.go' engine operator protocol server test | sed 's/:func /:/' | sort)
log=$(mktemp)
trap 'rm -f "$log"' EXIT
for target in $targets; do
  name=${target#*:} file=${target%%:*}
  if ! go test -run '^$' -fuzz "^$name\$" -fuzztime "$time" "./${file%/*}" >"$log" 2>&1; then
    cat "$log"
    exit 1
  fi
  printf 'ok    %-32s %s\n' "$name ($time)" "${file%/*}"
done
