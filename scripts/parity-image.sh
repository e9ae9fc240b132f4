#!/usr/bin/env bash
# Builds the parity suite's probes into build/parity/, and the image of its pods.
set -euo pipefail
cd "$(dirname "$0")/.."
out=build/parity
mkdir -p "$out"

CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o "$out/probe" ./test/parity/probe
files=(--file "$out/probe:/parity/probe")

hash=$( (printf '%s\n' "${files[@]}"; sha256sum "$out"/probe*) | sha256sum | cut -c1-12)
ref=parity.example/probe:$hash
if [ ! -f "$out/image.tar" ] || [ "$(cat "$out/ref" 2>/dev/null)" != "$ref" ]; then
  bin/devcluster image --ref "$ref" -o "$out/image.tar" --user 1000:1000 --entrypoint /parity/probe --env EDITION=harvest --workdir /parity "${files[@]}"
  echo "$ref" >"$out/ref"
  echo "image $ref"
fi
