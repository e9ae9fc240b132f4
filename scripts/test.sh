#!/usr/bin/env bash
# make test: everything, cheap checks first. It begins by cleaning what a killed
# run left, and leaves nothing itself, also after a failure.
set -euo pipefail
cd "$(dirname "$0")/.."

began=$SECONDS
say() { printf '\n== %s (after %d s)\n' "$*" $((SECONDS - began)); }
finish() {
  code=$?
  if [ -x bin/devcluster ] && [ "${KUBETUNNEL_TEST_CLUSTER:-}" != existing ]; then
    bin/devcluster --name kttest down || code=1
  fi
  if [ $code -eq 0 ]; then say "all passed"; else say "FAILED"; fi
  exit $code
}
trap finish EXIT

./scripts/compiler.sh
say "build"
make --no-print-directory build
if [ "${KUBETUNNEL_TEST_CLUSTER:-}" != existing ]; then
  bin/devcluster --name kttest down
fi

say "lint"
make --no-print-directory lint

say "unit tests"
make --no-print-directory test-go

say "fuzz targets, a few seconds each"
make --no-print-directory fuzz FUZZTIME=5s

say "the controller on a real cluster"
make --no-print-directory test-operator

say "end-to-end tests on a real cluster"
make --no-print-directory test-e2e
