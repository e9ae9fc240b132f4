#!/usr/bin/env bash
# jetbrains-jars.sh FOLDER: fetches the jars of jetbrains-jars.xml into FOLDER (in the cache), checks
# them against jetbrains-jars.sha256, and prints where they are.
set -euo pipefail
folder=$1
cd "$(dirname "$0")"
jars=$folder/$(cat jetbrains-jars.xml jetbrains-jars.sha256 | sha256sum | cut -c1-12)
if [ ! -d "$jars" ]; then
  command -v mvn >/dev/null || ./packages.sh "Maven, to fetch the plugin's libraries," maven >&2
  echo "fetching the JetBrains plugin's libraries (kept in the cache)" >&2
  rm -rf "$jars.partial"
  mvn --quiet --batch-mode --file jetbrains-jars.xml \
    org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies -DoutputDirectory="$jars.partial" >&2
  sums=$PWD/jetbrains-jars.sha256
  (cd "$jars.partial" && sha256sum --check --quiet --strict "$sums" >&2)
  mv -T "$jars.partial" "$jars"
fi
echo "$jars"
