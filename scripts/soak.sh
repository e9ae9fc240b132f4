#!/usr/bin/env bash
# The long form of the fault suite; writes build/soak.json. KUBETUNNEL_SOAK_RUNS is how
# often each row is played. Arguments go to `go test`.
set -euo pipefail
cd "$(dirname "$0")/.."
trap 'bin/devcluster --name "${KUBETUNNEL_TEST_NAME:-kttest}" down' EXIT
export KUBETUNNEL_E2E=1 KUBETUNNEL_SOAK=1 KUBETUNNEL_TEST_SERVER=bin/race/tunnel-server
rm -f build/soak.json
bin/report -stream go test -json -race -count=1 -timeout 4h "$@" ./test/e2e/faults
