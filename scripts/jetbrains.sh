#!/usr/bin/env bash
# jetbrains.sh: compiles the JetBrains plugin and its tests into build/jetbrains/, the plugin
# against the IntelliJ Platform's API as jetbrains-platform.sh has it. Prints nothing but what is wrong.
set -euo pipefail
cd "$(dirname "$0")/.."
tools=${KUBETUNNEL_TOOLS:?}
source=editors/jetbrains
out=build/jetbrains
./scripts/jdk.sh
jars=$(./scripts/jetbrains-jars.sh "$tools/jetbrains-jars")
platform=$(./scripts/jetbrains-platform.sh "$tools/intellij" "$source/plugin/api.txt" "$source/plugin/api-test.txt")
libraries=$(printf '%s:' "$jars"/gson-*.jar "$jars"/org.eclipse.lsp4j.jsonrpc-*.jar)
junit=$(echo "$jars"/junit-platform-console-standalone-*.jar)
rm -rf "$out"
mkdir -p "$out"
# compile FOLDER CLASSPATH: warnings are errors. The platform's own annotations are not all there, and its
# API is an old one, of which parts are called obsolete since.
compile() {
  local files
  mapfile -t files < <(find "$source/$1/java" -name '*.java')
  javac -Werror -Xlint:all,-processing,-classfile,-path,-deprecation,-rawtypes,-removal,-serial,-try -proc:none -encoding UTF-8 --release 17 \
    -classpath "$2" -d "$out/${1//\/src\//-}" "${files[@]}"
  if [ -d "$source/$1/resources" ]; then cp -r "$source/$1/resources/." "$out/${1//\/src\//-}"; fi
}
compile core/src/main "$libraries"
compile core/src/test "$out/core-main:$libraries$junit"
compile plugin/src/main "$out/core-main:$libraries$platform"
compile plugin/src/test "$out/plugin-main:$out/core-main:$out/core-test:$libraries$platform:$junit"
cat >"$out/paths" <<END
libraries=$libraries
junit=$junit
platform=$platform
END
