#!/usr/bin/env bash
# Makes the pictures of the VS Code extension's README from those that its tests have
# taken, in build/vscode/.
set -euo pipefail
cd "$(dirname "$0")/.."
while read -r taken name; do
  cp "build/vscode/$taken.png" "editors/vscode/media/pictures/$name.png"
done <<'LIST'
3-stopped stopped
no-launch-json-1-service service
bad-target-2-fix fix
view-2-debugged view
LIST
