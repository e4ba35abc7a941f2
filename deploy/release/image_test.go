package main

import (
	"archive/tar"
	"bytes"
	"crypto/x509"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

var commit = release{version: "v0.1.0", revision: "0123456789abcdef", created: time.Unix(1_700_000_000, 0).UTC()}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// archive writes an archive of two images and returns its bytes.
func archive(t *testing.T) []byte {
	t.Helper()
	dir := t.TempDir()
	var binaries []string
	for _, arch := range []string{"amd64", "arm64"} {
		file := filepath.Join(dir, arch)
		must(t, os.WriteFile(file, []byte("binary for "+arch), 0o700))
		binaries = append(binaries, arch+"="+file)
	}
	out := filepath.Join(dir, "image.tar")
	must(t, write(out, commit, binaries))
	b, err := os.ReadFile(out)
	must(t, err)
	return b
}

// unpack reads a tar stream: what is in each file, by name.
func unpack(t *testing.T, r io.Reader) map[string][]byte {
	t.Helper()
	files := make(map[string][]byte)
	for tr := tar.NewReader(r); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		must(t, err)
		if !h.ModTime.Equal(commit.created) || h.Uid != 0 || h.Gid != 0 {
			t.Errorf("%s: modified %v, owner %d:%d", h.Name, h.ModTime, h.Uid, h.Gid)
		}
		b, err := io.ReadAll(tr)
		must(t, err)
		files[h.Name] = b
	}
}

// TestArchiveReadsBack reads the archive as a registry client does: digests,
// platforms, configuration and files are what was asked for.
func TestArchiveReadsBack(t *testing.T) {
	dir := t.TempDir()
	for name, b := range unpack(t, bytes.NewReader(archive(t))) {
		must(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700))
		must(t, os.WriteFile(filepath.Join(dir, name), b, 0o600))
	}
	outer, err := layout.ImageIndexFromPath(dir)
	must(t, err)
	must(t, validate.Index(outer))
	m, err := outer.IndexManifest()
	must(t, err)
	if len(m.Manifests) != 1 || m.Manifests[0].Annotations[refName] != commit.version {
		t.Fatalf("index: %+v", m.Manifests)
	}
	index, err := outer.ImageIndex(m.Manifests[0].Digest)
	must(t, err)
	if m, err = index.IndexManifest(); err != nil || len(m.Manifests) != 2 {
		t.Fatalf("index: %+v, %v", m, err)
	}
	for _, d := range m.Manifests {
		img, err := index.Image(d.Digest)
		must(t, err)
		checkImage(t, img, d.Platform)
	}
}

func checkImage(t *testing.T, img v1.Image, p *v1.Platform) {
	t.Helper()
	c, err := img.ConfigFile()
	must(t, err)
	if c.OS != "linux" || c.OS != p.OS || c.Architecture != p.Architecture {
		t.Errorf("platform %s, configuration %s/%s", p, c.OS, c.Architecture)
	}
	if c.Config.User != "65532:65532" || !slices.Equal(c.Config.Entrypoint, []string{"/sealmesh"}) {
		t.Errorf("user %s runs %q", c.Config.User, c.Config.Entrypoint)
	}
	if got := c.Config.Labels["org.opencontainers.image.revision"]; got != commit.revision {
		t.Errorf("revision %q", got)
	}
	layers, err := img.Layers()
	must(t, err)
	checkTrailer(t, layers[0])
	files := unpack(t, mutate.Extract(img))
	if got := string(files["sealmesh"]); got != "binary for "+p.Architecture {
		t.Errorf("%s: /sealmesh is %q", p, got)
	}
	roots := files["etc/ssl/certs/ca-certificates.crt"]
	if !x509.NewCertPool().AppendCertsFromPEM(roots) || bytes.Count(roots, []byte("BEGIN")) < 50 {
		t.Errorf("%s: %d bytes of root certificates", p, len(roots))
	}
}

// checkTrailer checks that a layer ends as tar files do, in two blocks of
// zeros. Go's reader does not ask for them, but other readers do.
func checkTrailer(t *testing.T, l v1.Layer) {
	t.Helper()
	r, err := l.Uncompressed()
	must(t, err)
	defer r.Close()
	b, err := io.ReadAll(r)
	must(t, err)
	if len(b)%512 != 0 || !bytes.HasSuffix(b, make([]byte, 1024)) {
		t.Errorf("a layer of %d bytes is cut off", len(b))
	}
}

func TestArchiveIsReproducible(t *testing.T) {
	if !bytes.Equal(archive(t), archive(t)) {
		t.Error("the same binaries gave two archives")
	}
}
