#!/usr/bin/env bash
# lldb-dap.sh FOLDER: LLDB's debug adapter since it has its new name, beside the system's
# own, which may be older: packages of two versions can't both be installed, so it is
# unpacked in FOLDER, in the cache. Prints the adapter's path; lldb-server is beside it.
set -euo pipefail
version=19
folder=$1/$version
adapter=$folder/lldb-dap
if [ ! -x "$adapter" ] || [ ! -x "$folder/lldb-server" ]; then
  echo "fetching lldb-dap $version, for the tests (kept in the cache)" >&2
  mkdir -p "$1"
  work=$(mktemp -d "$folder.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  cd "$work"
  fetch() { apt-get download -qq "lldb-$version" "liblldb-$version" "libllvm$version" "libclang-cpp$version" >/dev/null 2>&1; }
  fetch || { [ "$(id -u)" -eq 0 ] && apt-get update -qq >&2 && fetch; }
  for package in *.deb; do dpkg -x "$package" "$work"; done
  rm -f ./*.deb
  llvm=$folder/usr/lib/llvm-$version
  libraries=("$work"/usr/lib/*-linux-gnu)
  for program in lldb-dap lldb-server; do
    cat >"$program" <<END
#!/bin/sh
export LD_LIBRARY_PATH="$folder${libraries[0]#"$work"}:$llvm/lib\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}"
export LLDB_DEBUGSERVER_PATH="$llvm/bin/lldb-server"
exec "$llvm/bin/$program" "\$@"
END
    chmod +x "$program"
  done
  rm -rf "${folder:?}"
  chmod 755 "$work"
  mv "$work" "$folder"
fi
echo "$adapter"
