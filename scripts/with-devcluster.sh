#!/usr/bin/env bash
# with-devcluster.sh NAME COMMAND...: runs a command with a dev cluster of that name,
# whose admin's kubeconfig is in KUBETUNNEL_TEST_KUBECONFIG. What an earlier run has
# left goes first, and nothing is left at the end. An existing cluster
# (KUBETUNNEL_TEST_CLUSTER=existing) is used as it is.
set -euo pipefail
cd "$(dirname "$0")/.."
name=$1
shift

if [ "${KUBETUNNEL_TEST_CLUSTER:-}" = existing ]; then
  KUBETUNNEL_TEST_KUBECONFIG=${KUBECONFIG:?is needed with KUBETUNNEL_TEST_CLUSTER=existing} exec "$@"
fi
bin/devcluster --name "$name" down
trap 'bin/devcluster --name "$name" down' EXIT
KUBETUNNEL_TEST_KUBECONFIG=$(bin/devcluster --name "$name" up)
export KUBETUNNEL_TEST_KUBECONFIG
"$@"
