#!/usr/bin/env bash
# Builds the image of operator and agent for release: an OCI archive for linux/amd64 and
# linux/arm64, build/release/kubetunnel-VERSION.oci.tar, with its checksum beside it. With
# --check it is built a second time, from a copy of the sources in another folder, and the
# two must be the same bytes.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${VERSION:?}" "${LDFLAGS:?}"
name=kubetunnel.dev/kubetunnel archs=(amd64 arm64)
out=build/release/kubetunnel-$VERSION.oci.tar
mkdir -p "${out%/*}"
work=$(mktemp -d build/release/.work.XXXXXX)
trap 'rm -rf "$work"' EXIT

# build SOURCES ARCHIVE
build() {
  local sources=$1 archive=$2 arch bin
  bin=$(mktemp -d "$work/bin.XXXXXX")
  bin=$(realpath "$bin")
  for arch in "${archs[@]}"; do
    (cd "$sources" && CGO_ENABLED=0 GOOS=linux GOARCH=$arch go build -trimpath -buildvcs=false -ldflags "$LDFLAGS" -o "$bin/$arch/" ./operator/cmd/...)
  done
  bin/devcluster image --ref "$name:$VERSION" -o "$archive" --arch "$(IFS=,; echo "${archs[*]}")" --user 65532:65532 --entrypoint /tunnel-operator \
    --file "$bin/{arch}/tunnel-operator:/tunnel-operator" --file "$bin/{arch}/tunnel-agent:/tunnel-agent"
  rm -rf "$bin"
}

build . "$work/image.tar"
if [ "${1:-}" = --check ]; then
  mkdir "$work/sources"
  tar -cf - go.mod go.sum protocol engine operator | tar -xf - -C "$work/sources"
  build "$work/sources" "$work/again.tar"
  cmp "$work/image.tar" "$work/again.tar"
  echo "two builds, in two folders, gave the same bytes"
fi
mv "$work/image.tar" "$out"
(cd "${out%/*}" && sha256sum "${out##*/}" | tee "${out##*/}.sha256")
