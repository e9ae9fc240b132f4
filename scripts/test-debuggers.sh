#!/usr/bin/env bash
# Runs the end-to-end tests of the debuggers, with the debuggers and editors that they need, on
# a cluster of their own. Nothing of it is left, however they end. Arguments go to `go test`:
# -run TestName, say.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ "${KUBETUNNEL_TEST_CLUSTER:-}" != existing ]; then
  trap 'bin/devcluster --name "${KUBETUNNEL_TEST_NAME:-kttest}" down' EXIT
fi
./scripts/jdk.sh
./scripts/lldb.sh
KUBETUNNEL_PYTHON=$(./scripts/python.sh "${KUBETUNNEL_TOOLS:?}/python")
KUBETUNNEL_JS_DEBUG=$(./scripts/jsdebug.sh "$KUBETUNNEL_TOOLS/js-debug")
KUBETUNNEL_GDB=$(./scripts/gdb.sh "$KUBETUNNEL_TOOLS/gdb")
KUBETUNNEL_LLDB_DAP=$(./scripts/lldb-dap.sh "$KUBETUNNEL_TOOLS/lldb-dap")
KUBETUNNEL_EDITORS=$(./scripts/editors.sh "$KUBETUNNEL_TOOLS/editors")
export KUBETUNNEL_PYTHON KUBETUNNEL_JS_DEBUG KUBETUNNEL_GDB KUBETUNNEL_LLDB_DAP KUBETUNNEL_EDITORS
export KUBETUNNEL_E2E=debuggers KUBETUNNEL_TEST_SERVER=bin/race/tunnel-server
bin/report -stream go test -json -race -count=1 -failfast -timeout 25m "$@" ./test/e2e
