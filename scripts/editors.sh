#!/usr/bin/env bash
# editors.sh FOLDER: the editors that the tests debug with: Emacs and Neovim of the
# distribution, VS Code's DebugClient, and the library by which Eclipse speaks DAP. What is
# no package of the system stays in FOLDER, in the cache. Prints where: it has node_modules
# and jars in it.
set -euo pipefail
folder=$1
cd "$(dirname "$0")"
sources=../test/editors
debian() {
  command -v emacs >/dev/null && [ -d /usr/share/emacs/site-lisp/elpa-src ] && compgen -G '/usr/share/emacs/site-lisp/elpa-src/dap-mode-*' >/dev/null && command -v nvim >/dev/null
}
debian || ./packages.sh "Emacs with dap-mode, and Neovim, for the tests of editors," emacs-nox elpa-dap-mode neovim >&2
./jdk.sh >&2
wanted=$(cat $sources/package-lock.json $sources/pom.xml $sources/jars.sha256 | sha256sum | cut -c1-12)
if [ ! -e "$folder/$wanted/complete" ]; then
  echo "fetching the editors' debug clients, for the tests (kept in the cache)" >&2
  rm -rf "${folder:?}/$wanted"
  mkdir -p "$folder/$wanted"
  cp $sources/package.json $sources/package-lock.json $sources/pom.xml "$folder/$wanted"
  npm ci --prefix "$folder/$wanted" --ignore-scripts --no-audit --no-fund --loglevel=error >&2
  command -v mvn >/dev/null || ./packages.sh "Maven" maven >&2
  mvn -q -B -f "$folder/$wanted/pom.xml" org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies -DoutputDirectory=jars >&2
  sums=$PWD/$sources/jars.sha256
  (cd "$folder/$wanted/jars" && sha256sum --quiet --check "$sums") >&2
  # A jar that the list does not have is no part of this.
  [ "$(find "$folder/$wanted/jars" -name '*.jar' | wc -l)" -eq "$(wc -l <"$sums")" ]
  touch "$folder/$wanted/complete"
fi
echo "$folder/$wanted"
