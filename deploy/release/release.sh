#!/usr/bin/env bash
# Make a release of the checked-out commit in build/release: archives of static
# binaries and of binaries for PKCS#11, Debian packages, SBOMs, an OCI image
# archive and checksums. The same commit gives the same bytes. ARCHES="amd64" and
# PKCS11=0 make less of them.
set -euo pipefail
cd "$(dirname "$0")/../.."
root=$PWD
out=$root/build/release
tools=${TOOLS:-$root/build/tools} # TOOLS: where nfpm and cyclonedx-gomod are already
arches=${ARCHES:-amd64 arm64}
export LC_ALL=C TZ=UTC GOAMD64=v1 GOARM64=v8.0 GOWORK=off
umask 022

ziglang=0.17.1 # a C compiler that links against an old glibc; from PyPI
nfpm=github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.48.0
cyclonedx=github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0
glibc=2.28 # of Debian 10 and RHEL 8

# The compiler of the Dockerfile is the compiler of a release.
GOTOOLCHAIN=go$(sed -n 's/^FROM golang:\([0-9.]*\)-.*/\1/p' deploy/container/Dockerfile)
commit=$(git rev-parse HEAD)
version=$(git describe --tags --always --dirty)
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export GOTOOLCHAIN SOURCE_DATE_EPOCH
case $version in
	v[0-9]*) number=${version#v} ;;
	*) number=0.0.0+$version ;; # before the first tag
esac
number=${number//-/+} # Debian reads a hyphen as the start of its own revision

rm -rf "$out"
mkdir -p "$out"
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT

for tool in $nfpm $cyclonedx; do
	[ -n "${TOOLS:-}" ] || GOBIN=$tools go install "$tool"
done

# compile NAME ARCH: build stage/NAME_ARCH/sealmesh, with the environment given.
compile() {
	mkdir -p "$stage/$1_$2"
	GOOS=linux GOARCH=$2 go build -buildvcs=true -trimpath -ldflags "-s -w -X github.com/sealmesh/sealmesh/cmd/sealmesh/cli.version=$version" -o "$stage/$1_$2/sealmesh" ./cmd/sealmesh
}

# pack NAME ARCH: what is made of one binary.
pack() {
	local dir=$stage/$1_$2 base=$out/$1_${number}_linux_$2
	install -m 644 LICENSE README.md "$dir"
	tar --sort=name --format=ustar --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" \
		-C "$stage" --transform "s,^$1_$2,$1-$number," -cf - "$1_$2" | gzip -9n >"$base.tar.gz"
	"$tools/cyclonedx-gomod" bin -json -noserial -notimestamp -version "$version" -output "$base.cdx.json" "$dir/sealmesh"
	sed 's,/usr/local/bin/,/usr/bin/,' deploy/systemd/sealmesh.service >"$dir/sealmesh.service"
	NAME=$1 ARCH=$2 NUMBER=$number DIR=$dir "$tools/nfpm" package --config deploy/release/nfpm.yaml --packager deb --target "$out/$1_${number}_$2.deb" >/dev/null
}

for arch in $arches; do
	CGO_ENABLED=0 compile sealmesh $arch
	CONFLICTS=sealmesh-pkcs11 DEPENDS='' pack sealmesh $arch
done

if [ "${PKCS11:-1}" = 1 ]; then
	zig=$root/build/zig
	"$zig/bin/python" -c "import importlib.metadata as m; assert m.version('ziglang') == '$ziglang'" 2>/dev/null || {
		rm -rf "$zig"
		python3 -m venv "$zig"
		"$zig/bin/pip" install --quiet --disable-pip-version-check "ziglang==$ziglang"
	}
	for arch in $arches; do
		case $arch in amd64) cpu=x86_64 ;; arm64) cpu=aarch64 ;; esac
		CGO_ENABLED=1 CC="$zig/bin/python -m ziglang cc -target $cpu-linux-gnu.$glibc" compile sealmesh-pkcs11 $arch
		CONFLICTS=sealmesh DEPENDS="libc6 (>= $glibc)" pack sealmesh-pkcs11 $arch
	done
fi

binaries=()
for arch in $arches; do binaries+=("$arch=$stage/sealmesh_$arch/sealmesh"); done
(cd deploy/release && go run . -o "$out/sealmesh_$number.oci.tar" -version "$version" -revision "$commit" \
	-created "$SOURCE_DATE_EPOCH" "${binaries[@]}")
(cd "$out" && sha256sum -- * >"$stage/SHA256SUMS" && mv "$stage/SHA256SUMS" .)
cat "$out/SHA256SUMS"
