#!/usr/bin/env bash
# apparmor.sh FOLDER: AppArmor's parser, which checks the syntax of the profile, without
# installing it: it is unpacked below FOLDER. Where there is no apt-get, nothing is
# done; the test then takes the machine's own parser, or tells that there is none.
set -euo pipefail
folder=$1
if [ -x "$folder/sbin/apparmor_parser" ] || ! command -v apt-get >/dev/null || ! command -v dpkg >/dev/null; then exit; fi
echo "fetching AppArmor's parser, for the test of the profile (kept in the cache)"
mkdir -p "$(dirname "$folder")"
work=$(mktemp -d "$folder.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work"
fetch() { apt-get download -qq apparmor >/dev/null 2>&1; }
fetch || { [ "$(id -u)" -eq 0 ] && apt-get update -qq && fetch; } || { echo "it can't be had here"; exit 0; }
dpkg -x apparmor_*.deb root
mv root "$folder"
