#!/bin/sh
# Installs what the tests of hsm/pkcs11 run against, on Debian and Ubuntu:
# SoftHSM2, NSS softoken and a C compiler. Quick when all of it is there.
set -eu

missing=
for package in softhsm2 libnss3 libnss3-tools gcc libc6-dev; do
	state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
	[ "$state" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

as_root=
[ "$(id -u)" -eq 0 ] || as_root=sudo
$as_root apt-get update -qq
# shellcheck disable=SC2086 # a list of words
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing
