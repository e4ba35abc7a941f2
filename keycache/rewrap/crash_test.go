//go:build unix

package rewrap

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/local"
	"github.com/sealmesh/sealmesh/keycache"
)

const rewrapCrashFolder = "SEALMESH_TEST_REWRAP_CRASH_FOLDER"

// localKeys is a key with two KEKs in files.
func localKeys(t *testing.T, folder string) *hsm.Key {
	t.Helper()
	cfg := keyOf()
	for _, name := range []string{"a", "b"} {
		p, err := local.Open(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		cfg.KEKs = append(cfg.KEKs, hsm.KEK{URI: "local:" + name, Kind: local.Kind, ProviderID: 1, Identity: p.Identity(), Provider: p})
	}
	return cfg
}

// TestRewrapCrashChild is not a test of its own: TestRewrapCrash runs it, and
// kills it. It moves all records from one KEK to the other and back, for ever.
func TestRewrapCrashChild(t *testing.T) {
	folder := os.Getenv(rewrapCrashFolder)
	if folder == "" {
		return
	}
	r := newRig(t, localKeys(t, folder), dirOf(t, folder))
	for {
		r.rewrapStore("local:a")
		fmt.Println("moved")
		r.rewrapStore("local:b")
	}
}

// Killed at any moment, two runs at one store leave every record whole and able
// to open what it opened before.
func TestRewrapCrash(t *testing.T) {
	folder := t.TempDir()
	for _, name := range []string{"a", "b"} {
		if err := local.Create(filepath.Join(folder, name)); err != nil {
			t.Fatal(err)
		}
	}
	var texts [][]byte
	for range 20 {
		w := newRig(t, localKeys(t, folder), keycache.Options{})
		text := w.mustSeal("v")
		w.end()
		w = newRig(t, localKeys(t, folder), dirOf(t, folder))
		_, shorten := w.rewrapper(ByID)
		texts = append(texts, shorten(text, Outdated))
		w.end()
	}
	changed := 0
	for range 10 {
		before := recordsIn(t, folder)
		killRewrap(t, folder)
		after := recordsIn(t, folder)
		if len(after) != len(texts) {
			t.Fatalf("%d records, want %d", len(after), len(texts))
		}
		for id, r := range after {
			if before[id] != r {
				changed++
			}
		}
		r := newRig(t, localKeys(t, folder), dirOf(t, folder))
		for _, text := range texts {
			r.mustOpen(text, "v")
		}
		r.end()
	}
	if changed == 0 {
		t.Error("no record ever changed: the children must live longer")
	}
}

// recordsIn returns the text of every record in the store, by name.
func recordsIn(t *testing.T, folder string) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "store", "keys", "[0-9a-f]*"))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(name)] = string(b)
	}
	return all
}

// killRewrap runs two children at once, and kills them: one wherever it is, the
// other after it has moved every record.
func killRewrap(t *testing.T, folder string) {
	t.Helper()
	var children [2]*exec.Cmd
	for i := range children {
		c := exec.Command(os.Args[0], "-test.run=^TestRewrapCrashChild$")
		c.Env = append(os.Environ(), rewrapCrashFolder+"="+folder)
		children[i] = c
	}
	out, err := children[1].StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range children {
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
	}
	time.AfterFunc(50*time.Millisecond+rand.N(150*time.Millisecond), func() { _ = children[0].Process.Kill() })
	line, _ := bufio.NewReader(out).ReadString('\n')
	time.AfterFunc(rand.N(100*time.Millisecond), func() { _ = children[1].Process.Kill() })
	for _, c := range children {
		if _ = c.Wait(); !c.ProcessState.Sys().(syscall.WaitStatus).Signaled() {
			t.Errorf("a child ended by itself: %s", line)
		}
	}
}
