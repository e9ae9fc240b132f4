#!/usr/bin/env bash
# fuzz.sh TIME: runs each fuzz target of the project for that long.
set -euo pipefail
cd "$(dirname "$0")/.."
time=${1:-10s}
targets=0
while IFS=: read -r file name; do
  targets=$((targets + 1))
  echo "== $name in ${file%/*} for $time"
  go test -run '^$' -fuzz "^$name\$" -fuzztime "$time" "./${file%/*}"
done < <(grep -roHE '^func Fuzz[A-Za-z0-9_]+' --include='*_test.go' engine operator protocol server test | sed 's/:func /:/' | sort)
if [ "$targets" -eq 0 ]; then echo "no fuzz targets found" >&2; exit 1; fi
echo "$targets fuzz targets found nothing"
