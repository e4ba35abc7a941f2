#!/bin/sh
# Fuzz every target of the module, one after the other: fuzz.sh [DURATION]. Stops at
# the first that fails; the input that failed is in that package's testdata/fuzz.
set -eu
cd "$(dirname "$0")/.."
duration=${1:-30s}

log=$(mktemp)
trap 'rm -f "$log"' EXIT

# fuzz PACKAGE TARGET: fuzz one target. Returns 1 if Go's own deadline ended a worker
# as if a target had failed (golang/go#75804, until Go 1.27); any other failure ends the script.
fuzz() {
	go test -run '^$' -fuzz "^$2\$" -fuzztime "$duration" -fuzzminimizetime 1x "$1" >"$log" 2>&1 && status=0 || status=$?
	cat "$log"
	[ $status -ne 0 ] || return 0
	if grep -q 'Failing input' "$log" || ! grep -q 'context deadline exceeded' "$log"; then
		exit $status
	fi
	return 1
}

# Only packages with a target are built.
files=$(grep -rl --include='*_test.go' '^func Fuzz' ./*/)
folders=$(printf '%s\n' "$files" | xargs -n 1 dirname | sort -u)
for package in $folders; do
	listed=$(go test -list '^Fuzz' "$package") # on its own, so that a failed build stops the script
	for target in $(printf '%s\n' "$listed" | grep '^Fuzz'); do
		echo "== $package $target"
		fuzz "$package" "$target" || fuzz "$package" "$target" || fuzz "$package" "$target"
	done
done
