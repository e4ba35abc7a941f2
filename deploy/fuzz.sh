#!/bin/sh
# Fuzz every target of the module, one after the other: fuzz.sh [DURATION].
set -eu
cd "$(dirname "$0")/.."
duration=${1:-30s}
go list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{end}}' ./... | while read -r package; do
	for target in $(go test -list '^Fuzz' "$package" | grep '^Fuzz' || true); do
		echo "== $package $target"
		go test -run '^$' -fuzz "^$target\$" -fuzztime "$duration" -fuzzminimizetime 1x "$package"
	done
done
