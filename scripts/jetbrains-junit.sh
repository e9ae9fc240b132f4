#!/usr/bin/env bash
# jetbrains-junit.sh core|plugin OPTIONS…: runs the tests of one part of the JetBrains plugin, as
# jetbrains.sh has compiled them. Options are those of JUnit's console.
set -euo pipefail
cd "$(dirname "$0")/.."
part=$1
shift
out=build/jetbrains
# shellcheck source=/dev/null
. "$out/paths"
path=$out/core-test:$out/core-main:$libraries
[ "$part" = core ] || path=$out/plugin-test:$out/plugin-main:$path$platform
mkdir -p "$out/home"
# The platform's classes look into Java's own.
exec java -ea -Djava.awt.headless=true -Didea.home.path="$PWD/$out/home" --add-opens java.base/java.util=ALL-UNNAMED \
  --add-opens java.base/java.lang=ALL-UNNAMED -classpath "$junit:$path" org.junit.platform.console.ConsoleLauncher execute \
  --disable-banner --disable-ansi-colors --details testfeed --scan-classpath "$out/$part-test" "$@"
