#!/usr/bin/env bash
# The JetBrains plugin's tests: what needs no cluster first, then the rest on a real one.
# Arguments go to JUnit's console: --include-classname '.*SessionTest', say.
set -euo pipefail
cd "$(dirname "$0")/.."
./scripts/jetbrains.sh
for part in core plugin; do ./scripts/jetbrains-junit.sh "$part" --exclude-tag cluster --fail-if-no-tests; done
name=${KUBETUNNEL_TEST_NAME:-ktjetbrains}
if [ "${KUBETUNNEL_TEST_CLUSTER:-}" != existing ]; then trap 'bin/devcluster --name "$name" down' EXIT; fi
./scripts/shop-images.sh "${KUBETUNNEL_TOOLS:?}/shop"
go build -o bin/stage ./test/stage
export KUBETUNNEL_TEST_SERVER=bin/race/tunnel-server
# Who names tests may name those of one part.
[ $# -gt 0 ] || set -- --fail-if-no-tests
bin/stage -name "$name" -with stock ./scripts/jetbrains-cluster.sh --include-tag cluster "$@"
