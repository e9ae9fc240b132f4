#!/usr/bin/env bash
# Builds the parity suite's probes into build/parity/, and the image of its pods. It
# has the workstation's own Python and Node, with the libraries that they load, at the
# same paths: the probes' text and what runs it are the same in the pod and in a session.
set -euo pipefail
cd "$(dirname "$0")/.."
out=build/parity
mkdir -p "$out"

./scripts/compiler.sh
if ! /usr/bin/python3 -c 'import ssl' 2>/dev/null; then
  ./scripts/packages.sh "Python" python3
fi
python=/usr/bin/python3
node=$(readlink -f "$(command -v node)")

CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o "$out/probe" ./test/parity/probe
gcc -O1 -Wall -Wextra -o "$out/probe-c" test/parity/probes/probe.c
# As every Debian image has them.
echo "hosts: files dns" >"$out/nsswitch.conf"
echo "multi on" >"$out/host.conf"
cp test/parity/probes/probe.py test/parity/probes/probe.mjs "$out/"

stdlib=$("$python" -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')
programs=("$python" "$node" "$out/probe-c" "$stdlib"/lib-dynload/*.so)
mapfile -t libraries < <(./scripts/libraries.sh "${programs[@]}" | grep -v "^$stdlib")

files=()
for path in "$python" "$node" "${libraries[@]}"; do files+=(--file "$path:$path"); done
for probe in probe probe-c probe.py probe.mjs; do files+=(--file "$out/$probe:/parity/$probe"); done
files+=(--file "$stdlib:$stdlib" --file "$out/nsswitch.conf:/etc/nsswitch.conf:0644" --file "$out/host.conf:/etc/host.conf:0644")

hash=$( (printf '%s\n' oci "${files[@]}"; sha256sum "$out"/probe* "$python" "$node" "${libraries[@]}") | sha256sum | cut -c1-12)
ref=parity.example/probe:$hash
if [ ! -f "$out/image.tar" ] || ! grep -qsxF "image $ref" "$out/built"; then
  rm -f "$out/built"
  bin/devcluster image --ref "$ref" -o "$out/image.tar" --user 1000:1000 --entrypoint /parity/probe --env EDITION=harvest --workdir /parity "${files[@]}"
  printf '%s\n' "image $ref" "python $python" "node $node" >"$out/built"
  echo "image $ref"
fi
