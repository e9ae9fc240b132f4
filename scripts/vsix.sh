#!/usr/bin/env bash
# vsix.sh TARGET...: builds the VS Code extension's packages into build/vsix/, each with
# the tunnel-server of its system: linux-x64, darwin-arm64, win32-x64 and so on.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${VERSION:?}" "${LDFLAGS:?}"
source=editors/vscode
out=build/vsix
# The Marketplace shows the README without the package: vsce makes its links absolute, but
# forgets that the extension is in a folder of its repository.
repository=https://github.com/kubetunnel/kubetunnel
links=(--baseContentUrl "$repository/blob/HEAD/$source" --baseImagesUrl "$repository/raw/HEAD/$source")
./scripts/vscode-packages.sh
(cd "$source" && node scripts/manifest.mjs --check && npm run --silent bundle)
for target in "$@"; do
  began=$SECONDS
  case ${target%-*} in
    linux) system=linux suffix= ;;
    darwin) system=darwin suffix= ;;
    win32) system=windows suffix=.exe ;;
    *) echo "vsix: there is no target $target" >&2; exit 1 ;;
  esac
  case ${target#*-} in
    x64) processor=amd64 ;;
    arm64) processor=arm64 ;;
    *) echo "vsix: there is no target $target" >&2; exit 1 ;;
  esac
  stage=$out/$target
  rm -rf "$stage"
  mkdir -p "$stage/bin" "$stage/dist"
  cp "$source"/{package.json,README.md,CHANGELOG.md,LICENSE} "$stage/"
  cp -r "$source/media" "$stage/"
  cp "$source/dist/extension.js" "$stage/dist/"
  touch "$stage/.vscodeignore" # all that is there is wanted
  rm -f "$stage/media/icon.svg" # the Marketplace takes no SVG for an icon
  CGO_ENABLED=0 GOOS=$system GOARCH=$processor go build -trimpath -ldflags "$LDFLAGS" -o "$stage/bin/tunnel-server$suffix" ./server/cmd/tunnel-server
  (cd "$stage" && node "$OLDPWD/$source/node_modules/@vscode/vsce/vsce" package --no-dependencies "${links[@]}" --target "$target" --out "../kubetunnel-$target.vsix" >../vsce.log) || { cat "$out/vsce.log" >&2; exit 1; }
  rm -rf "$stage"
  printf 'ok    %-14s %s, %s s\n' "$target" "$(du -h "$out/kubetunnel-$target.vsix" | cut -f1)" $((SECONDS - began))
done
