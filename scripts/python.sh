#!/usr/bin/env bash
# python.sh FOLDER: an interpreter with the Python debugger and what the examples need,
# for the tests; it stays in FOLDER, in the cache. Prints its path. What is installed is
# pinned by hashes; python-requirements.in is what they are made of.
set -euo pipefail
folder=$1
cd "$(dirname "$0")"
wanted=$(sha256sum python-requirements.txt | cut -c1-12)-$(python3 -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])')
python=$folder/$wanted/bin/python
if [ ! -e "$folder/$wanted/complete" ]; then
  echo "installing debugpy for Python, for the tests (kept in the cache)" >&2
  # ensurepip is a package of its own on Debian.
  python3 -c 'import ensurepip, venv' 2>/dev/null || ./packages.sh "Python's venv" python3-venv >&2
  rm -rf "${folder:?}/$wanted"
  python3 -m venv "$folder/$wanted" >&2
  "$python" -m pip install --quiet --disable-pip-version-check --require-hashes -r python-requirements.txt >&2
  touch "$folder/$wanted/complete"
fi
echo "$python"
