// Command image writes an OCI image archive from static binaries, without a
// daemon and without a base image:
//
//	image -o sealmesh.oci.tar -version v0.1.0 -revision COMMIT -created UNIX amd64=BINARY arm64=BINARY
//
// Every image holds /sealmesh and the root certificates that TLS to a KMS
// needs, and runs as user 65532. The same binaries and flags give the same
// bytes.
package main

import (
	"archive/tar"
	"bytes"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// release is what the images say of themselves.
type release struct {
	version  string
	revision string
	created  time.Time
}

func main() {
	log.SetFlags(0)
	out := flag.String("o", "", "archive to write")
	version := flag.String("version", "", "version of the binaries")
	revision := flag.String("revision", "", "commit of the binaries")
	created := flag.Int64("created", 0, "time of the commit, in seconds since 1970")
	flag.Parse()
	r := release{*version, *revision, time.Unix(*created, 0).UTC()}
	if err := write(*out, r, flag.Args()); err != nil {
		log.Fatalf("image: %v", err)
	}
}

// write writes the archive of one index, with an image for each ARCH=BINARY.
func write(name string, r release, binaries []string) error {
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, b := range binaries {
		arch, file, ok := strings.Cut(b, "=")
		if !ok {
			return fmt.Errorf("%q: want ARCH=BINARY", b)
		}
		binary, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		img, err := image(r, arch, binary)
		if err != nil {
			return fmt.Errorf("%s: %w", arch, err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add:        img,
			Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch}},
		})
	}
	return writeArchive(name, r, index)
}

// image returns the image of one architecture, in one layer.
func image(r release, arch string, binary []byte) (v1.Image, error) {
	files, err := rootfs(r, binary)
	if err != nil {
		return nil, err
	}
	opener := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(files)), nil }
	layer, err := tarball.LayerFromOpener(opener, tarball.WithMediaType(types.OCILayer))
	if err != nil {
		return nil, err
	}
	img := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	img, err = mutate.Append(img, mutate.Addendum{
		Layer:   layer,
		History: v1.History{Created: v1.Time{Time: r.created}, CreatedBy: "make release"},
	})
	if err != nil {
		return nil, err
	}
	return mutate.ConfigFile(img, config(r, arch, img))
}

// config completes the configuration that img has from its layer.
func config(r release, arch string, img v1.Image) *v1.ConfigFile {
	c, err := img.ConfigFile()
	if err != nil {
		panic(err) // img was made in memory, by image
	}
	c = c.DeepCopy()
	c.OS, c.Architecture, c.Created = "linux", arch, v1.Time{Time: r.created}
	c.Config = v1.Config{
		User:       "65532:65532",
		Entrypoint: []string{"/sealmesh"},
		Labels: map[string]string{
			"org.opencontainers.image.title":    "sealmesh",
			"org.opencontainers.image.version":  r.version,
			"org.opencontainers.image.revision": r.revision,
			"org.opencontainers.image.licenses": "Apache-2.0",
			"org.opencontainers.image.source":   "https://github.com/sealmesh/sealmesh",
		},
	}
	return c
}

// rootfs returns the files of an image as a tar stream.
func rootfs(r release, binary []byte) ([]byte, error) {
	roots, err := certificates()
	if err != nil {
		return nil, err
	}
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, f := range []struct {
		name string
		mode int64
		data []byte
	}{
		{"etc/", 0o755, nil},
		{"etc/ssl/", 0o755, nil},
		{"etc/ssl/certs/", 0o755, nil},
		{"etc/ssl/certs/ca-certificates.crt", 0o644, roots},
		{"sealmesh", 0o755, binary},
	} {
		h := &tar.Header{Name: f.name, Mode: f.mode, Size: int64(len(f.data)), ModTime: r.created, Format: tar.FormatUSTAR}
		if h.Typeflag = tar.TypeReg; strings.HasSuffix(f.name, "/") {
			h.Typeflag = tar.TypeDir
		}
		if err := w.WriteHeader(h); err != nil {
			return nil, err
		}
		if _, err := w.Write(f.data); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}
