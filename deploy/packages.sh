#!/bin/sh
# Install packages of Python and Node.js into the folder $1, at the versions of
# requirements.txt and package-lock.json in the folder $2. Does nothing if they are there.
set -eu

here=$(cd "$2" && pwd)
want=$(cat "$here/requirements.txt" "$here/package-lock.json" | cksum)
[ "$(cat "$1/installed" 2>/dev/null)" = "$want" ] && exit 0

rm -rf "$1"
mkdir -p "$1"
python3 -m venv "$1/venv"
"$1/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps -r "$here/requirements.txt" &
pip=$!
cp "$here/package.json" "$here/package-lock.json" "$1/"
(cd "$1" && npm ci --silent --no-fund --no-audit)
wait "$pip"
echo "$want" >"$1/installed"
