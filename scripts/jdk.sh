#!/usr/bin/env bash
# The end-to-end tests run a Java program. On Debian and Ubuntu, as root, a JDK is installed.
set -euo pipefail
works() { command -v java >/dev/null && java --list-modules 2>/dev/null | grep -q '^jdk\.compiler'; }
if works; then exit; fi
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
  echo "the end-to-end tests need a JDK of version 11 or newer (Debian: default-jdk-headless): install one" >&2
  exit 1
fi
echo "installing a JDK, which the end-to-end tests need"
export DEBIAN_FRONTEND=noninteractive
install() { apt-get install -y -qq --no-install-recommends default-jdk-headless >/dev/null; }
install 2>/dev/null || { apt-get update -qq && install; } # the package lists may be missing or old
works
