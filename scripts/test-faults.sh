#!/usr/bin/env bash
# Runs the fault suite, which brings its own cluster up: the quick form of each row or,
# with KUBETUNNEL_SOAK, the long one, KUBETUNNEL_SOAK_RUNS times. Nothing of it is left,
# however it ends. Arguments go to `go test`: -run TestName, say.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ "${KUBETUNNEL_TEST_CLUSTER:-}" != existing ]; then
  trap 'bin/devcluster --name "${KUBETUNNEL_TEST_NAME:-ktfaults}" down' EXIT
fi
export KUBETUNNEL_E2E=1 KUBETUNNEL_TEST_SERVER=bin/race/tunnel-server
timeout=20m
if [ -n "${KUBETUNNEL_SOAK:-}" ]; then
  rm -f build/soak.json
  timeout=4h
fi
bin/report -stream go test -json -race -count=1 -timeout "$timeout" "$@" ./test/e2e/faults
