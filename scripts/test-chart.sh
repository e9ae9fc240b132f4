#!/usr/bin/env bash
# Runs the chart's tests: those that need no cluster, then those that bring their own
# up. Nothing of it is left, however they end. Arguments go to `go test`: -run TestName, say.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ "${KUBETUNNEL_TEST_CLUSTER:-}" != existing ]; then
  trap 'bin/devcluster --name "${KUBETUNNEL_TEST_NAME:-ktchart}" down' EXIT
fi
bin/report -C test/chart go test -json -race . ./helm ./generated
KUBETUNNEL_CHART=1 bin/report -C test/chart -stream go test -json -race -count=1 -failfast -timeout 15m "$@" ./live
