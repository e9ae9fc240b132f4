#!/usr/bin/env bash
# The npm packages that the VS Code extension is built, linted and tested with, as its
# package-lock.json pins them, and what they need to be made.
set -euo pipefail
cd "$(dirname "$0")/../editors/vscode"
wanted=$(sha256sum package-lock.json | cut -c1-16)
[ "$(cat node_modules/.wanted 2>/dev/null)" != "$wanted" ] || exit 0
echo "installing the extension's npm packages"
npm ci --no-audit --no-fund --loglevel=error --ignore-scripts
# Its own binary is a package too; the script only checks it.
echo "$wanted" >node_modules/.wanted
