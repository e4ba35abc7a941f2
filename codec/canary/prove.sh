#!/bin/sh
# Record what "make canary" shows, as docs/proofs/canary-FORMAT.txt:
#
#	prove.sh [FORMAT...]   run BODIES=1000000 bodies of each format, or of
#	                       those whose proof is stale or missing, and TIME=24h
#	                       of each at most
#
# A proof covers the code of its format and the generator of its bodies, without
# tests and their data. It does not cover what formats share: package codec, and
# the readers. The smoke of these tests in CI runs with every change of them; a
# proof that went stale with each would cost an hour for every commit below codec,
# and would soon be deleted.
set -eu
cd "$(dirname "$0")/../.."

test_of() {
	case $1 in
	json) echo TestJSON json ;;
	ndjson) echo TestNDJSON json lines ;;
	json-seq) echo TestSequences json lines ;;
	csv) echo TestCSV csv ;;
	xml) echo TestXML xml ;;
	form) echo TestForms form ;;
	multipart) echo TestMultipart multipart ;;
	sse) echo TestEvents sse json ;;
	protobuf) echo TestProtobuf protobuf ;;
	grpc) echo TestGRPC grpc protobuf ;;
	*) echo "prove.sh: no format $1" >&2; exit 1 ;;
	esac
}

folder_of() {
	case $1 in
	ndjson | json-seq) echo codec/json ;;
	*) echo "codec/$1" ;;
	esac
}

# prove NAME TEST GENERATOR...: record the proof, if it is stale or asked for.
prove() {
	name=$1 run=$2 folder=$(folder_of "$1")
	shift 2
	folders=$folder
	for g; do folders="$folders codec/canary/${g}_test.go"; done
	folders="$folders :!$folder/*_test.go :!$folder/*testdata*"
	# shellcheck disable=SC2086 # a list of folders
	if [ -z "$asked" ] && grep -qsx "hash: $(docs/proofs/record.sh --hash $folders)" "docs/proofs/canary-$name.txt"; then
		echo "canary-$name is fresh"
		return
	fi
	echo "canary-$name ..."
	docs/proofs/record.sh "canary-$name" "$folders" env "CANARY_BODIES=${BODIES:-1000000}" "CANARY_TIME=${TIME:-24h}" go test -count 1 -timeout 0 -v -run "^$run\$" ./codec/canary
}

VERSIONS="$(python3 --version), node $(node --version), $(java --version | head -n 1), $(php --version | head -n 1 | cut -d ' ' -f 1,2), $(ruby --version | cut -d ' ' -f 1,2)"
export VERSIONS
asked="$*"
for f in ${asked:-json ndjson json-seq csv xml form multipart sse protobuf grpc}; do
	# shellcheck disable=SC2046 # several words
	prove "$f" $(test_of "$f")
done
