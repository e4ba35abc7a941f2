#!/bin/sh
# Install the readers of the differential canary into the folder $1, at the versions that
# the files here name: Python and Node.js, Go, and Java if it is there with Maven. With
# "all", PHP and Ruby too, from Debian's packages, as root. Does nothing if they are there.
set -eu

here=$(cd "$(dirname "$0")" && pwd)

packages() {
	command -v php >/dev/null && command -v ruby >/dev/null && return
	sudo=$(command -v sudo || true)
	$sudo apt-get update -qq
	$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends php-cli php-xml ruby ruby-rack >/dev/null
}

java_readers() {
	command -v javac >/dev/null && command -v mvn >/dev/null || { echo "canary: no readers of Java, since there is no javac or no mvn"; return 0; }
	mvn -q -B -f "$here/java/pom.xml" org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies -DoutputDirectory="$1/java/lib"
	javac -nowarn -cp "$1/java/lib/*" -d "$1/java" "$here"/java/*.java
}

[ "${2:-}" != all ] || packages
sh "$here/../../../deploy/packages.sh" "$1" "$here"
want=$(cd "$here" && cat java/* go/* | cksum)
[ "$(cat "$1/compiled" 2>/dev/null)" = "$want" ] && exit 0

rm -rf "$1/java"
mkdir -p "$1/java"
java_readers "$1"
(cd "$here/go" && go build -o "$1/go-sse" .)
echo "$want" >"$1/compiled"
