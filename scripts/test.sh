#!/usr/bin/env bash
# make test: everything, cheap checks first. What needs the processors goes one by one;
# what waits for a cluster most of the time goes in two lanes side by side, each with
# clusters of its own. The first stage that fails ends its lane, and the other one
# after the stage that it is in. Each stage begins by ending what a killed run has left, and
# leaves nothing itself.
set -uo pipefail
cd "$(dirname "$0")/.."
export KUBETUNNEL_TEST_PROGRAMS=

# What each stage has said, for the end of a run that failed: with two lanes, and much
# more to come after a failure, its cause is far up.
logs=build/test
mkdir -p "$logs"
rm -f "$logs"/*.log

# stage NAME TARGET...: make's targets, with what they say.
stage() {
  local name=$1 began=$SECONDS code
  shift
  printf '\n== %s\n' "$name"
  make --no-print-directory "$@" 2>&1 | tee "$logs/$1.log"
  code=${PIPESTATUS[0]}
  if [ "$code" -ne 0 ]; then
    printf '\n== FAILED: %s, after %d s. Again: make %s\n' "$name" $((SECONDS - began)) "$*"
    echo "$1" >>"$failed"
    return "$code"
  fi
  printf '== passed: %s, %d s\n' "$name" $((SECONDS - began))
}

# lane NAME STAGE...: several stages, "NAME: TARGET" each, with NAME before each line.
lane() {
  local lane=$1 each
  shift
  set +m # one group, that of the lane
  for each in "$@"; do
    if [ -s "$failed" ]; then
      printf '== left out: %s\n' "${each%: *}"
    else
      stage "${each%: *}" "${each##*: }"
    fi
  done | sed -u "s/^/$lane | /"
}

# cause LOG: what failed by name, then the lines that look like its cause; where none does,
# the last ones. What Helm tells of its course is none.
cause() {
  grep -E -- '--- FAIL|:: FAILED|✘|^not ok' "$1" | tail -n 6
  grep -E -- '_test\.go:[0-9]+: |DATA RACE|^panic|^fatal|[Ee]rror' "$1" | grep -Ev ' level=|: helm: |--- FAIL' | tail -n 10 | grep . || tail -n 5 "$1"
}

# verdict: the end of the run, with the causes of what failed, in few lines.
verdict() {
  local target
  if [ ! -s "$failed" ]; then
    printf '\n== all passed, %d s\n' "$SECONDS"
    exit 0
  fi
  printf '\n== FAILED, after %d s\n' "$SECONDS"
  while read -r target; do
    printf '== %s, whole in %s/%s.log:\n' "$target" "$logs" "$target"
    cause "$logs/$target.log" | cut -c1-240
  done <"$failed"
  exit 1
}

failed=$(mktemp)
lanes=()
# A lane is a process group, so that all of it ends with this run.
end() {
  local pid
  for pid in "${lanes[@]}"; do
    kill -TERM -- "-$pid" 2>/dev/null
  done
  wait
  rm -f "$failed"
}
trap 'end; exit 130' INT TERM HUP
trap 'rm -f "$failed"' EXIT

stage "build" build images || verdict
stage "linters" lint || verdict
stage "each system that workstations have" cross || verdict
stage "unit tests, with the race detector" test-go || verdict
stage "fuzz targets, 3 s each" fuzz FUZZTIME=3s || verdict
stage "the image for release, built twice" release-images || verdict
stage "what the tests on clusters need" test-programs || verdict
export KUBETUNNEL_TEST_PROGRAMS=made

first=(
  "end-to-end tests on a real cluster: test-e2e"
  "each debugger, end to end: test-debuggers"
  "the JetBrains plugin, on its platform's API: test-jetbrains"
)
second=(
  "faults under load: test-faults"
  "the operator's controller on a real cluster: test-operator"
  "the Helm chart, by the real Helm on a real cluster: test-chart"
  "parity of a session with a pod: parity"
  "the VS Code extension, in a real workbench: test-vscode"
)
if [ "${KUBETUNNEL_TEST_CLUSTER:-}" = existing ]; then
  # There is one cluster for all.
  lane 1 "${first[@]}" "${second[@]}"
else
  set -m
  lane 1 "${first[@]}" &
  lanes+=($!)
  (
    if [ -n "${KUBETUNNEL_TEST_NAME:-}" ]; then
      export KUBETUNNEL_TEST_NAME=${KUBETUNNEL_TEST_NAME}2
    fi
    lane 2 "${second[@]}"
  ) &
  lanes+=($!)
  wait "${lanes[@]}"
fi
verdict
