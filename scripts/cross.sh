#!/usr/bin/env bash
# What runs on workstations builds and vets for every system that it is for. The tests
# are vetted as well; they run on this machine's system alone.
set -euo pipefail
cd "$(dirname "$0")/.."
export CGO_ENABLED=0
rooms=(./server/... ./engine/... ./protocol/...)
for system in linux darwin windows; do
  for processor in amd64 arm64; do
    began=$SECONDS
    export GOOS=$system GOARCH=$processor
    go vet "${rooms[@]}"
    go build "${rooms[@]}" # of several packages nothing is written
    printf 'ok    %-16s %s s\n' "$system/$processor" $((SECONDS - began))
  done
done
