package dir_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/keycache/store"
	"github.com/sealmesh/sealmesh/keycache/store/dir"
	"github.com/sealmesh/sealmesh/keycache/store/storetest"
)

func open(t *testing.T, path string) *dir.Dir {
	t.Helper()
	d, err := dir.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestStore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store")
	storetest.Run(t, storetest.Harness{
		Open: func(t *testing.T) store.Store { return open(t, path) },
		Damage: func(t *testing.T, id envelope.KeyID, slot store.Slot, b []byte) {
			for _, name := range []string{"keys/" + hex.EncodeToString(id[:]), "slots/" + hex.EncodeToString(slot[:])} {
				damage(t, filepath.Join(path, name), b)
			}
		},
	})
}

// damage writes binary b in the form of the files, or cuts one short.
func damage(t *testing.T, name string, b []byte) {
	t.Helper()
	if b == nil {
		whole, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		b = whole[:len(whole)-1]
	} else {
		text := "smk1." + base64.RawURLEncoding.EncodeToString(b)
		b = fmt.Appendf(nil, "%s\nsha256:%x\n", text, sha256.Sum256([]byte(text)))
	}
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// One flipped bit, anywhere in a file, is an error.
func TestFlippedBit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store")
	d := open(t, path)
	r := storetest.NewRecord(t, 1, 60)
	if _, err := d.Claim(t.Context(), storetest.NewSlot(), r); err != nil {
		t.Fatal(err)
	}
	id := r.KeyID()
	name := filepath.Join(path, "keys", hex.EncodeToString(id[:]))
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for i := range whole {
		bad := append([]byte(nil), whole...)
		bad[i] ^= 1 << (i % 8)
		if err := os.WriteFile(name, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := d.Get(t.Context(), id); !errors.Is(err, store.ErrCorrupt) {
			t.Fatalf("byte %d changed: %v", i, err)
		}
	}
}

// Nobody else reads or writes the files, and none but records are left behind.
func TestFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store")
	d := open(t, path)
	slot := storetest.NewSlot()
	for range 3 { // one wins, two lose
		if _, err := d.Claim(t.Context(), slot, storetest.NewRecord(t, 1, 60)); err != nil {
			t.Fatal(err)
		}
	}
	files := 0
	err := filepath.WalkDir(path, func(_ string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		mode := fs.FileMode(0o700)
		if !e.IsDir() {
			files++
			mode = 0o600
		}
		if info.Mode().Perm() != mode {
			t.Errorf("%s: mode %v, want %v", e.Name(), info.Mode().Perm(), mode)
		}
		return nil
	})
	if err != nil || files != 2 {
		t.Errorf("%d files, %v; want one record in two places", files, err)
	}
}

// What a process left half written is removed once it cannot be in use.
func TestSweep(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store")
	open(t, path)
	old, young := filepath.Join(path, "keys", ".new-1"), filepath.Join(path, "keys", ".new-2")
	for _, name := range []string{old, young} {
		if err := os.WriteFile(name, []byte("smk1."), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	past := time.Now().Add(-2 * time.Hour)
	if err := os.Chtimes(old, past, past); err != nil {
		t.Fatal(err)
	}
	open(t, path)
	if _, err := os.Stat(old); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the abandoned file is still there: %v", err)
	}
	if _, err := os.Stat(young); err != nil {
		t.Errorf("the young file: %v", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	parent := t.TempDir()
	file, wide := filepath.Join(parent, "file"), filepath.Join(parent, "wide")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(wide, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(wide, 0o777); err != nil { // whatever the umask
		t.Fatal(err)
	}
	for _, path := range []string{file, wide, filepath.Join(parent, "no", "parent")} {
		if _, err := dir.Open(path); !errors.Is(err, store.ErrMisconfigured) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// Errors name no data key.
func TestErrorsNameNoKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store")
	d := open(t, path)
	r := storetest.NewRecord(t, 1, 60)
	id := r.KeyID()
	if err := os.Mkdir(filepath.Join(path, "keys", hex.EncodeToString(id[:])), 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := d.Get(t.Context(), id)
	if err == nil || strings.Contains(err.Error(), hex.EncodeToString(id[:4])) {
		t.Errorf("error %v", err)
	}
}
