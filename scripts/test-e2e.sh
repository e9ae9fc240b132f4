#!/usr/bin/env bash
# Runs the end-to-end tests, which bring their own cluster up. Nothing of it is left,
# however they end. Those of the debuggers and the faults are stages of their own.
# Arguments go to `go test`: -run TestName, say.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ "${KUBETUNNEL_TEST_CLUSTER:-}" != existing ]; then
  trap 'bin/devcluster --name "${KUBETUNNEL_TEST_NAME:-kttest}" down' EXIT
fi
./scripts/jdk.sh
KUBETUNNEL_NODE=$(./scripts/node.sh "${KUBETUNNEL_TOOLS:?}/node")
export KUBETUNNEL_NODE
export KUBETUNNEL_E2E=1 KUBETUNNEL_TEST_SERVER=bin/race/tunnel-server
bin/report -stream go test -json -race -count=1 -failfast -timeout 25m "$@" ./test/e2e
