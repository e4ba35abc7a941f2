#!/bin/sh
# Fuzz every target of the module, one after the other: fuzz.sh [DURATION]. Stops at
# the first that fails; the input that failed is in that package's testdata/fuzz.
set -eu
cd "$(dirname "$0")/.."
duration=${1:-30s}

# Only packages with a target are built.
files=$(grep -rl --include='*_test.go' '^func Fuzz' ./*/)
folders=$(printf '%s\n' "$files" | xargs -n 1 dirname | sort -u)
for package in $folders; do
	listed=$(go test -list '^Fuzz' "$package") # on its own, so that a failed build stops the script
	for target in $(printf '%s\n' "$listed" | grep '^Fuzz'); do
		echo "== $package $target"
		go test -run '^$' -fuzz "^$target\$" -fuzztime "$duration" -fuzzminimizetime 1x "$package"
	done
done
