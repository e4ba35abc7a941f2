#!/bin/sh
# Fuzz every target of the module, one after the other: fuzz.sh [DURATION]. Ends with
# the first that fails; what it found is in that package's testdata/fuzz.
set -eu
cd "$(dirname "$0")/.."
duration=${1:-30s}

packages=$(go list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{end}}' ./...)
for package in $packages; do
	listed=$(go test -list '^Fuzz' "$package") # apart, so that a build that fails is not a package without targets
	for target in $(printf '%s\n' "$listed" | grep '^Fuzz' || true); do
		echo "== $package $target"
		go test -run '^$' -fuzz "^$target\$" -fuzztime "$duration" -fuzzminimizetime 1x "$package"
	done
done
