#!/usr/bin/env bash
# make test: everything, cheap checks first; the first that fails ends it. It
# begins by cleaning what a killed run has left, and leaves nothing itself.
set -uo pipefail
cd "$(dirname "$0")/.."

stage() {
  local began=$SECONDS
  printf '\n== %s\n' "$2"
  make "$1" || { printf '\n== FAILED: %s, after %d s\n' "$2" $((SECONDS - began)); exit 1; }
  printf '== %s: passed, %d s\n' "$2" $((SECONDS - began))
}

stage build "build"
if [ "${KUBETUNNEL_TEST_CLUSTER:-}" != existing ]; then
  bin/devcluster --name kttest down || exit
fi
stage lint "formatting, import rules, linters"
stage test-go "unit tests, with the race detector"
stage test-e2e "end-to-end tests on a real cluster"
printf '\n== all passed, %d s\n' "$SECONDS"
