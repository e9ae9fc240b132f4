#!/usr/bin/env bash
# with-devcluster.sh NAME COMMAND...: runs a command that brings the dev cluster
# NAME up. A cluster that an earlier run has left goes first, and nothing of it is
# left at the end, however the command ends. An existing cluster is left alone.
set -uo pipefail
cd "$(dirname "$0")/.."
name=$1
shift

down() {
  [ "${KUBETUNNEL_TEST_CLUSTER:-}" = existing ] || bin/devcluster --name "$name" down
}
down || exit

# In a process group of its own, so that a signal reaches all of it.
set -m
"$@" </dev/null &
job=$!
set +m
forward() { kill -s "$1" -- "-$job" 2>/dev/null; }
for signal in INT TERM HUP; do trap "forward $signal" "$signal"; done
wait "$job"
code=$?
while kill -0 "$job" 2>/dev/null; do # a trap ended the wait
  wait "$job"
  code=$?
done
trap '' INT TERM HUP # what follows is not interrupted
forward KILL
down || code=1
exit "$code"
