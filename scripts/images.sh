#!/usr/bin/env bash
# Builds the images as OCI archives into build/images/, from the static binaries in
# bin/image/, for this machine's processor. An image's tag has a hash of what is in it, so that a cluster that runs
# an older one takes the newer. build/images/refs tells them: each line is an image's
# name, and its name with tag.
set -euo pipefail
cd "$(dirname "$0")/.."
out=build/images
mkdir -p "$out"
refs=$(mktemp "$out/.refs.XXXXXX")
trap 'rm -f "$refs"' EXIT

# image NAME USER ENTRYPOINT [--env N=V]... -- BINARY...
image() {
  local name=$1 user=$2 entrypoint=$3 args=() files=()
  shift 3
  while [ "$1" != -- ]; do args+=("$1"); shift; done
  shift
  for binary in "$@"; do files+=(--file "bin/image/$binary:/$binary"); done
  args+=(--user "$user" --entrypoint "$entrypoint" "${files[@]}")
  local hash
  hash=$( (printf '%s\n' oci "${args[@]}"; cd bin/image; sha256sum "$@") | sha256sum | cut -c1-12)
  local tar=$out/${name##*/}.tar ref=$name:$VERSION-$hash
  echo "$name $ref" >>"$refs"
  if [ ! -f "$tar" ] || ! grep -qsxF "$name $ref" "$out/refs"; then
    bin/devcluster image --ref "$ref" -o "$tar.partial" "${args[@]}"
    mv "$tar.partial" "$tar"
    echo "image $ref"
  fi
}

: "${VERSION:?}"
image kubetunnel.dev/kubetunnel 65532:65532 /tunnel-operator -- tunnel-operator tunnel-agent
image shop.example/cart 1000:1000 /cart --env EDITION=harvest --workdir /srv -- cart
for service in prices web loadgen; do
  image "shop.example/$service" 1000:1000 "/$service" -- "$service"
done
image test.example/hostile 1000:1000 /hostile -- hostile
image faults.example/faultapp 1000:1000 /faultapp -- faultapp
chmod 0644 "$refs"
mv "$refs" "$out/refs"
