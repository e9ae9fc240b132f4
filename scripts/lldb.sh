#!/usr/bin/env bash
# lldb.sh: the native debugger, and compilers for C++ and Rust, for the tests.
set -euo pipefail
cd "$(dirname "$0")"
shopt -s nullglob
IFS=: read -ra folders <<<"$PATH"
for folder in "${folders[@]}"; do
  for path in "$folder"/lldb-dap "$folder"/lldb-dap-* "$folder"/lldb-vscode "$folder"/lldb-vscode-*; do
    [ ! -x "$path" ] || found=$path
  done
done
[ -n "${found:-}" ] || ./packages.sh "LLDB" lldb
command -v g++ >/dev/null || ./packages.sh "a C++ compiler" g++
command -v rustc >/dev/null || ./packages.sh "a Rust compiler" rustc
