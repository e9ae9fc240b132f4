#!/usr/bin/env bash
# gdb.sh FOLDER: a GDB that speaks the Debug Adapter Protocol (14 or newer), for the tests
# of debuggers that are named by their command; it stays in FOLDER, in the cache. Prints
# its path.
set -euo pipefail
version=18.1.0.post1
folder=$1/$version-$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')
cd "$(dirname "$0")"
gdb=$folder/bin/gdb
if [ ! -e "$folder/complete" ]; then
  echo "installing GDB $version, for the tests (kept in the cache)" >&2
  python3 -c 'import ensurepip, venv' 2>/dev/null || ./packages.sh "Python's venv" python3-venv >&2
  rm -rf "${folder:?}"
  python3 -m venv "$folder" >&2
  "$folder/bin/python" -m pip install --quiet --disable-pip-version-check "gdb-for-pwndbg==$version" >&2
  # It needs Python's library, which an interpreter may have inside itself.
  "$gdb" --version >/dev/null 2>&1 || ./packages.sh "Python's library" "libpython$("$folder/bin/python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')" >&2
  "$gdb" --version >/dev/null
  touch "$folder/complete"
fi
echo "$gdb"
