#!/usr/bin/env bash
# Runs the chart's tests, by the real Helm.
set -euo pipefail
cd "$(dirname "$0")/.."
bin/report -C test/chart go test -json -race "$@" . ./helm ./generated
