#!/usr/bin/env bash
# jetbrains-platform.sh FOLDER ROOTS…: compiles the part of the IntelliJ Platform that the plugin
# and its tests use, from Debian's source package, into FOLDER (in the cache), and prints the class
# path. The files ROOTS name the classes wanted, one a line; javac takes what those reach. What comes
# out is for compiling and testing here, and is never shipped.
set -euo pipefail
folder=$1
shift
# Members and nested classes are their class's; what is Kotlin, or is in Debian's jars, has no Java file.
roots=$(cat "$@" | sed -e '/^# /d' -e 's/[#$].*//' -e '/^$/d' | sort -u)
cd "$(dirname "$0")"
version=183.5153.4
sum=9e87c814020ce95e166810008febbceb5b98c4b446dcb398b56dd052b5e288c9
jars=(intellij-core intellij-extensions intellij-util-all intellij-platform-api intellij-platform-impl intellij-jps-model-all
  libtrove-intellij jdom2-intellij picocontainer-1.3 guava jna jna-platform log4j-1.2 jgoodies-forms nanoxml2 ini4j
  netty-all httpclient httpcore jackson-core commons-codec commons-logging kotlin-stdlib kotlin-reflect org.jetbrains.annotations-java8)
packages=(libintellij-{platform-api,platform-impl,core,extensions,utils,jps-model}-java kotlin libtrove-intellij-java
  libjdom2-intellij-java libpicocontainer1-java libguava-java libjna-java libjna-platform-java liblog4j1.2-java
  libjgoodies-forms-java libnanoxml2-java libini4j-java libnetty-java libhttpclient-java libhttpcore-java
  libjackson2-core-java libcommons-codec-java libcommons-logging-java fonts-dejavu-core xz-utils)
# Nothing of the implementation but these modules, and no tests.
modules=(analysis-api built-in-server-api core-api credential-store diff-api editor-ui-api editor-ui-ex extensions
  external-system-api external-system-rt forms_rt icons indexing-api lang-api lang-impl lvcs-api platform-api
  projectModel-api usageView util util-rt vcs-api xdebugger-api)
kotlin=(platform-api lang-api editor-ui-api projectModel-api)

missing=
for jar in "${jars[@]}"; do [ -e "/usr/share/java/$jar.jar" ] || missing=$jar; done
if [ -n "$missing" ] || ! command -v kotlinc >/dev/null || ! command -v xz >/dev/null; then ./packages.sh "the IntelliJ Platform" "${packages[@]}" >&2; fi
path=$(printf '/usr/share/java/%s.jar:' "${jars[@]}")

key=$version-$(sha256sum <"$(basename "$0")" | cut -c1-12)
base=$folder/$key
classes=$base/classes-$(sha256sum <<<"$roots" | cut -c1-12)

# fetch gets the source package, by a package list of its own: the machine's may have none of sources.
fetch() {
  local apt=$1/apt
  mkdir -p "$apt/lists/partial"
  local mirror
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 'Codename: bookworm' 'Component: main' | head -n 1)
  echo "deb-src ${mirror:?the package lists of Debian 12 are needed: run apt-get update} bookworm main" >"$apt/sources.list"
  local options=(-qq -o Dir::Etc::sourcelist="$apt/sources.list" -o Dir::Etc::sourceparts=- -o Dir::State::lists="$apt/lists"
    -o APT::Sandbox::User=root)
  apt-get "${options[@]}" update >&2
  (cd "$1" && apt-get "${options[@]}" source --download-only "intellij-community-idea=$version-3" >&2)
  echo "$sum  $1/intellij-community-idea_$version.orig.tar.xz" | sha256sum --check --quiet >&2
}

# sources unpacks into java/ the Java of all modules as one tree, into kt/ the Kotlin of those that are
# compiled, and into kotlin/, beside what will be compiled there, the platform's texts.
sources() {
  local work=$1 top=intellij-community-idea-$version/platform
  mkdir -p "$work/src" "$work/java" "$work/kt" "$work/kotlin"
  tar -xf "$work/intellij-community-idea_$version.orig.tar.xz" -C "$work/src" "$top"
  for module in "${modules[@]}"; do
    (cd "$work/src/$top/$module/src" && find . -name '*.java' -print0 | tar -c --null -T - | tar -x -C "$work/java")
  done
  for module in "${kotlin[@]}"; do
    (cd "$work/src/$top/$module/src" && find . -name '*.kt' -print0 | tar -c --null -T - | tar -x -C "$work/kt")
  done
  cp -r "$work/src/$top/platform-resources-en/src/." "$work/kotlin"
}

mkdir -p "$folder"
exec 9>"$folder/lock" # one at a time
flock 9
if [ ! -d "$base/kotlin" ]; then
  echo "compiling the IntelliJ Platform's API $version from Debian's sources (kept in the cache; takes a minute or two)" >&2
  work=$base.partial
  rm -rf "$work"
  mkdir -p "$work"
  fetch "$work"
  sources "$work"
  mapfile -t files < <(find "$work/kt" -name '*.kt')
  kotlinc -nowarn -no-stdlib -no-reflect -jvm-target 1.8 -classpath "$path" -d "$work/kotlin" "${files[@]}" "$work/java" >&2
  rm -rf "$work/src" "$work/apt" "$work/kt" "$work"/*.tar.xz "$work"/*.dsc
  mv -T "$work" "$base"
fi
if [ ! -d "$classes" ]; then
  rm -rf "$classes.partial"
  mkdir -p "$classes.partial"
  while read -r class; do
    file=$base/java/${class//.//}.java
    if [ -e "$file" ]; then echo "$file"; fi
  done <<<"$roots" >"$classes.partial.list"
  if ! javac -nowarn -proc:none -source 11 -target 11 -encoding UTF-8 -implicit:class -sourcepath "$base/java" \
    -classpath "$base/kotlin:$path" -d "$classes.partial" @"$classes.partial.list" 2>"$classes.log"; then
    cat "$classes.log" >&2
    exit 1
  fi
  mv -T "$classes.partial" "$classes"
fi
touch "$base" # it is of use
find "$folder" -mindepth 1 -maxdepth 1 -type d -mtime +30 -exec rm -rf {} + # what no checkout has used for long
echo "$classes:$base/kotlin:${path%:}"
