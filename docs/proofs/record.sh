#!/bin/sh
# Record what a run that is too long for CI proved, as docs/proofs/README.md says:
#
#	record.sh NAME "FOLDER..." COMMAND...   run COMMAND and write docs/proofs/NAME.txt
#	record.sh --hash FOLDER...              print the hash of the folders
set -eu
cd "$(dirname "$0")/../.."
export LC_ALL=C

# The names and contents of the files that git tracks below the folders, proofs left out.
hash() { git ls-files -z -- "$@" ':!docs/proofs' | xargs -0 sha256sum -- | sha256sum | cut -d ' ' -f 1; }

if [ "$1" = --hash ]; then
	shift
	hash "$@"
	exit
fi

name=$1 folders=$2
shift 2
# shellcheck disable=SC2086 # a list of folders
[ -z "$(git status --porcelain -- $folders)" ] || { echo "record.sh: commit $folders first"; exit 1; }
output=$(mktemp)
trap 'rm -f "$output"' EXIT
"$@" >"$output" 2>&1 || { cat "$output"; echo "record.sh: $* failed: nothing is recorded"; exit 1; }
{
	echo "command: $*"
	echo "folders: $folders"
	# shellcheck disable=SC2086
	echo "hash: $(hash $folders)"
	echo "commit: $(git rev-parse HEAD)"
	echo "date: $(date -u +%Y-%m-%d)"
	echo "versions: $(go env GOVERSION), $(uname -srm)${VERSIONS:+, $VERSIONS}"
	echo
	cat "$output"
} >"docs/proofs/$name.txt"
