#!/usr/bin/env bash
# packages.sh WHY PACKAGE...: installs Debian packages, on Debian and Ubuntu as root.
set -euo pipefail
why=$1
shift
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
  echo "$why is needed (Debian: $*): install it" >&2
  exit 1
fi
echo "installing $*: $why is needed"
export DEBIAN_FRONTEND=noninteractive
exec 9<"$0" && flock 9 # stages run side by side, and apt-get waits for no other
install() { apt-get -o DPkg::Lock::Timeout=600 install -y -qq --no-install-recommends "$@" >/dev/null; }
install "$@" 2>/dev/null || { apt-get update -qq && install "$@"; } # the package lists may be missing or old
