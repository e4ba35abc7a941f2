package local_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/hsmtest"
	"github.com/sealmesh/sealmesh/hsm/local"
)

func newFile(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kek")
	if err := local.Create(path); err != nil {
		t.Fatal(err)
	}
	return path
}

func mustOpen(t testing.TB, path string) *local.Provider {
	t.Helper()
	p, err := local.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestConformance(t *testing.T) {
	path := newFile(t)
	hsmtest.Run(t, hsmtest.Harness{
		Open:  func(t testing.TB) hsm.Provider { return mustOpen(t, path) },
		Other: func(t testing.TB) hsm.Provider { return mustOpen(t, newFile(t)) },
	})
}

func TestCreate(t *testing.T) {
	path := newFile(t)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode() != 0o600 {
		t.Errorf("mode %v, want 0600", info.Mode())
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(before, []byte("sealmesh-local-kek-v1 ")) || len(before) != 67 {
		t.Errorf("file is %d bytes", len(before))
	}
	if err := local.Create(path); !errors.Is(err, os.ErrExist) {
		t.Errorf("Create over a key: %v, want it to exist", err)
	}
	if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
		t.Error("Create changed a key that was there")
	}
	if mustOpen(t, path).Identity() == mustOpen(t, newFile(t)).Identity() {
		t.Error("two keys have one identity")
	}
}

// TestGoldenFile pins the file format, the fingerprint and the wrap: what was
// ever written opens for ever.
func TestGoldenFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "kek")
	golden, err := os.ReadFile("testdata/v1.kek")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, golden, 0o400); err != nil {
		t.Fatal(err)
	}
	p := mustOpen(t, path)
	if want := goldenIdentity; p.Identity() != want {
		t.Errorf("identity %s, want %s", p.Identity(), want)
	}
	secret, err := p.UnwrapDataKey(t.Context(), unhex(t, goldenWrapped), hsmtest.Context(t, "service", "customers"))
	if err != nil {
		t.Fatal(err)
	}
	secret.Expose(func(b []byte) {
		if want := []byte("0123456789abcdef0123456789abcdef"); !bytes.Equal(b, want) {
			t.Error("golden wrap opened to another key")
		}
	})
}

func TestMovedFile(t *testing.T) {
	path := newFile(t)
	first := mustOpen(t, path)
	moved := filepath.Join(t.TempDir(), "elsewhere")
	if err := os.Rename(path, moved); err != nil {
		t.Fatal(err)
	}
	if got := mustOpen(t, moved).Identity(); got != first.Identity() {
		t.Errorf("identity %s after a move, was %s", got, first.Identity())
	}
}

func TestOpenRefuses(t *testing.T) {
	const valid = "sealmesh-local-kek-v1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
	tests := []struct {
		name, text string
		mode       os.FileMode
		want       string
	}{
		{"group may read", valid, 0o640, "chmod 600"},
		{"others may read", valid, 0o604, "chmod 600"},
		{"others may write", valid, 0o602, "chmod 600"},
		{"owner may run", valid, 0o700, "chmod 600"},
		{"empty", "", 0o600, "does not begin with"},
		{"version 2", strings.Replace(valid, "v1", "v2", 1), 0o600, "does not begin with"},
		{"short key", "sealmesh-local-kek-v1 AAECAwQF", 0o600, "32 bytes"},
		{"long key", valid[:22] + strings.Repeat("AAEC", 11), 0o600, "32 bytes"},
		{"no base64", valid[:60] + "!!!!!", 0o600, "32 bytes"},
		{"second line", valid + "\n" + valid, 0o600, "32 bytes"},
		{"line broken", valid[:30] + "\n" + valid[30:], 0o600, "32 bytes"},
		{"loose end bits", valid[:len(valid)-2] + "9=", 0o600, "32 bytes"},
		{"far too long", valid + strings.Repeat(" ", 1<<20), 0o600, "32 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "kek")
			if err := os.WriteFile(path, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, tt.mode); err != nil {
				t.Fatal(err)
			}
			checkMisconfigured(t, path, tt.want)
		})
	}
}

func TestOpenRefusesWhatIsNoFile(t *testing.T) {
	dir := t.TempDir()
	checkMisconfigured(t, filepath.Join(dir, "absent"), "sealmesh keys new")
	checkMisconfigured(t, dir, "not a regular file")

	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	checkMisconfigured(t, fifo, "not a regular file")
}

// TestSymlink: a Kubernetes volume is all symbolic links, so they are followed;
// what they lead to is held to the same mode.
func TestSymlink(t *testing.T) {
	path := newFile(t)
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	mustOpen(t, link)
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	checkMisconfigured(t, link, "chmod 600")
}

func checkMisconfigured(t *testing.T, path, want string) {
	t.Helper()
	p, err := local.Open(path)
	if p != nil || err == nil || hsm.ClassOf(err) != hsm.Misconfigured {
		t.Fatalf("Open: %v, %v; want a misconfigured error", p, err)
	}
	if !strings.Contains(err.Error(), want) {
		t.Errorf("error %q does not say %q", err, want)
	}
	if strings.Contains(err.Error(), "AAECAwQF") {
		t.Errorf("error %q holds key material", err)
	}
}

func TestPath(t *testing.T) {
	for uri, want := range map[string]string{
		"local:kek":          "/etc/sealmesh/kek",
		"local:../kek":       "/etc/kek",
		"local:keys/a b?c%2": "/etc/sealmesh/keys/a b?c%2",
		"local:/run/kek":     "/run/kek",
		"local:///run/kek":   "/run/kek",
	} {
		if got, err := local.Path(uri, "/etc/sealmesh"); err != nil || got != want {
			t.Errorf("Path(%q) = %q, %v; want %q", uri, got, err, want)
		}
	}
	for _, uri := range []string{"local:", "locale:x", "kek", "local://host/kek"} {
		if got, err := local.Path(uri, "/etc/sealmesh"); hsm.ClassOf(err) != hsm.Misconfigured || err == nil {
			t.Errorf("Path(%q) = %q, %v; want a misconfigured error", uri, got, err)
		}
	}
}
