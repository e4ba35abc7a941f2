#!/bin/sh
# Install the servers that tests start (PostgreSQL, PgBouncer) with apt-get. Does nothing
# if they are installed.
set -eu

missing=""
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing="$missing postgresql"
command -v pgbouncer >/dev/null || test -x /usr/sbin/pgbouncer || missing="$missing pgbouncer"

[ -n "$missing" ] || exit 0
export DEBIAN_FRONTEND=noninteractive
sudo=""
[ "$(id -u)" -eq 0 ] || sudo=sudo
$sudo apt-get update -qq
# shellcheck disable=SC2086
$sudo apt-get install -y -qq --no-install-recommends $missing >/dev/null
