#!/bin/sh
# Get the conformance suite of Connect, gRPC and gRPC-Web under build/connect: its runner, its server,
# and the schema of its service.
set -eu
version=v1.0.7
module=connectrpc.com/conformance
to=$PWD/build/connect
[ -f "$to/$version" ] && exit
mkdir -p "$to"
GOBIN=$to/bin go install "$module/cmd/connectconformance@$version" "$module/cmd/referenceserver@$version"
dir=$(go mod download -json "$module@$version" | sed -n 's/.*"Dir": "\(.*\)",/\1/p')
rm -rf "$to/proto"
cp -r "$dir/proto" "$to/proto"
chmod -R u+w "$to/proto"
touch "$to/$version"
