#!/usr/bin/env bash
# The VS Code extension's tests: types, linter, unit tests, then a real workbench on a
# real cluster. Arguments are names of workbench tests, such as workbench/day; none: all.
set -euo pipefail
cd "$(dirname "$0")/.."
./scripts/vscode-packages.sh
./scripts/jdk.sh
command -v unzip >/dev/null || ./scripts/packages.sh "unzip" unzip
(
  cd editors/vscode
  node scripts/manifest.mjs --check
  npm run --silent compile
  npm run --silent lint
  npm run --silent bundle-tests
  node --test --test-reporter=spec build/unit/
)
architecture=x64
[ "$(uname -m)" = x86_64 ] || architecture=arm64
./scripts/vsix.sh "linux-$architecture"
KUBETUNNEL_CODE_SERVER=$(./scripts/vscode.sh "${KUBETUNNEL_TOOLS:?}/vscode")
KUBETUNNEL_VSIX=$PWD/build/vsix/kubetunnel-linux-$architecture.vsix
export KUBETUNNEL_CODE_SERVER KUBETUNNEL_VSIX
tests=()
for name in "$@"; do tests+=("editors/vscode/build/$name.test.js"); done
[ ${#tests[@]} -gt 0 ] || tests=(editors/vscode/build/host/*.test.js editors/vscode/build/workbench/*.test.js)
rm -rf build/vscode
trap 'bin/devcluster --name "${KUBETUNNEL_TEST_NAME:-ktvscode}" down' EXIT
# One after the other: each test has the cluster and two processors for itself.
go build -o bin/stage ./test/stage
bin/stage -name "${KUBETUNNEL_TEST_NAME:-ktvscode}" node --test --test-reporter=spec --test-concurrency=1 "${tests[@]}"
