#!/usr/bin/env bash
# vscode.sh FOLDER: a VS Code workbench for the tests (code-server) and the browser that
# they drive. It stays in FOLDER, in the cache. Prints the path of its entry.js.
set -euo pipefail
folder=$1
version=4.100.3 # of Code 1.100.3: the last one for Node 20
cd "$(dirname "$0")"
export npm_config_nodedir=${npm_config_nodedir:-$(dirname "$(dirname "$(readlink -f "$(command -v node)")")")}

say() { echo "vscode: $*" >&2; }
npm_i() { npm install --no-audit --no-fund --loglevel=error --ignore-scripts "$@" >&2; }

command -v chromium >/dev/null || ./packages.sh "a browser" chromium fonts-dejavu-core >&2
command -v rg >/dev/null || ./packages.sh "ripgrep" ripgrep >&2
command -v g++ >/dev/null || ./packages.sh "a C++ compiler" g++ >&2
command -v make >/dev/null || ./packages.sh "make" make >&2
command -v python3 >/dev/null || ./packages.sh "Python" python3 >&2

done=$folder/$version-$(node -p 'process.versions.modules + "-" + process.arch')
if [ ! -d "$done" ]; then
  mkdir -p "$folder"
  work=$(mktemp -d "$folder/.work.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  cd "$work"
  say "installing code-server $version (kept in the cache; takes a minute or two)"
  echo '{"private": true}' >package.json
  npm_i "code-server@$version"
  code=$work/node_modules/code-server vs=$work/node_modules/code-server/lib/vscode
  say "building what it has in C++ (1 of 4): argon2"
  # Where npm puts a dependency depends on its version.
  argon=$code/node_modules/argon2
  [ -d "$argon" ] || argon=$work/node_modules/argon2
  (cd "$argon" && npx --no-install node-pre-gyp install --build-from-source >/dev/null 2>"$work/log") || { cat "$work/log" >&2; exit 1; }
  say "the workbench's own packages"
  (cd "$vs" && npm_i --omit=dev)
  (cd "$vs/extensions" && npm_i --omit=dev)
  gyp=$(dirname "$(readlink -f "$(command -v npm)")")/../node_modules/node-gyp/bin/node-gyp.js
  n=2
  for addon in node-pty @vscode/spdlog native-watchdog; do
    say "building what it has in C++ ($n of 4): $addon"
    (cd "$vs/node_modules/$addon" && node "$gyp" rebuild --nodedir="$npm_config_nodedir" >"$work/log" 2>&1) || { cat "$work/log" >&2; exit 1; }
    n=$((n + 1))
  done
  mkdir -p "$vs/node_modules/@vscode/ripgrep/bin"
  ln -sf "$(command -v rg)" "$vs/node_modules/@vscode/ripgrep/bin/rg"
  ln -sfn node_modules "$vs/node_modules.asar"
  [ -e "$vs/bin/remote-cli/code-server" ] || ln -s code-linux.sh "$vs/bin/remote-cli/code-server"
  [ -e "$vs/bin/helpers/browser.sh" ] || ln -s browser-linux.sh "$vs/bin/helpers/browser.sh"
  rm -f "$work/log"
  mv -T "$work" "$done" 2>/dev/null || [ -d "$done" ] # another run may have been faster
  say "the workbench is installed"
fi
echo "$done/node_modules/code-server/out/node/entry.js"
