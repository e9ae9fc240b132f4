#!/usr/bin/env bash
# make test: everything, cheap checks first; the first that fails ends it. Each
# stage begins by ending what a killed run has left, and leaves nothing itself.
set -uo pipefail
cd "$(dirname "$0")/.."

stage() {
  local name=$1 began=$SECONDS code
  shift
  printf '\n== %s\n' "$name"
  make --no-print-directory "$@"
  code=$?
  if [ "$code" -ne 0 ]; then
    printf '\n== FAILED: %s, after %d s. Again: make %s\n' "$name" $((SECONDS - began)) "$*"
    exit "$code"
  fi
  printf '== passed: %s, %d s\n' "$name" $((SECONDS - began))
}

stage "build" build images
stage "linters" lint
stage "each system that workstations have" cross
stage "unit tests, with the race detector" test-go
stage "fuzz targets, 5 s each" fuzz FUZZTIME=5s
stage "the operator's controller on a real cluster" test-operator
stage "the image for release, built twice" release-images
stage "the Helm chart, by the real Helm on a real cluster" test-chart
stage "end-to-end tests on a real cluster" test-e2e
stage "each debugger, end to end" test-debuggers
stage "parity of a session with a pod" parity
printf '\n== all passed, %d s\n' "$SECONDS"
