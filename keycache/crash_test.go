//go:build unix

package keycache

import (
	"bufio"
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/local"
	"github.com/sealmesh/sealmesh/keycache/store/dir"
)

const crashFolder = "SEALMESH_TEST_CRASH_FOLDER"

func localKey(t *testing.T, folder string) *hsm.Key {
	t.Helper()
	p, err := local.Open(filepath.Join(folder, "kek"))
	if err != nil {
		t.Fatal(err)
	}
	cfg := keyOf()
	cfg.KEKs = []hsm.KEK{{URI: "local:kek", Kind: local.Kind, ProviderID: 1, Identity: p.Identity(), Provider: p}}
	return cfg
}

func dirOf(t *testing.T, folder string) Options {
	t.Helper()
	d, err := dir.Open(filepath.Join(folder, "store"))
	if err != nil {
		t.Fatal(err)
	}
	return storing(d, true)
}

// TestCrashChild is not a test of its own: TestCrash runs it, and kills it. It
// stores a data key for every few values, and prints what it sealed.
func TestCrashChild(t *testing.T) {
	folder := os.Getenv(crashFolder)
	if folder == "" {
		return
	}
	cfg := localKey(t, folder)
	cfg.Rotate.Uses = 2
	r := newRig(t, cfg, dirOf(t, folder))
	for range 100_000 {
		fmt.Printf("%s\n", r.mustSeal("v"))
	}
}

// Killed at any moment, among them those of a store's write, a process leaves
// no envelope behind that does not open, and nothing that keeps the next one
// from going on.
func TestCrash(t *testing.T) {
	folder := t.TempDir()
	if err := local.Create(filepath.Join(folder, "kek")); err != nil {
		t.Fatal(err)
	}
	var sealed [][]byte
	for range 12 {
		sealed = append(sealed, crash(t, folder)...)
	}
	r := newRig(t, localKey(t, folder), dirOf(t, folder))
	session := r.session() // one, for its key uses: tens of thousands are more than a console takes
	for _, text := range sealed {
		wantShape(t, text, false)
		if got, _, err := session.Open(nil, r.tag, text); err != nil || string(got) != "v" {
			t.Errorf("open: %q, %v", got, err)
		}
	}
	if err := session.Close(nil); err != nil {
		t.Error(err)
	}
	t.Logf("%d envelopes under %d data keys", len(sealed), r.Stats()[0].Entries)
	r.end()
}

// crash runs a child, two of them at once, and kills them; it returns what they
// printed whole.
func crash(t *testing.T, folder string) (lines [][]byte) {
	t.Helper()
	var children []*exec.Cmd
	var outs []*bufio.Reader
	for range 2 {
		c := exec.Command(os.Args[0], "-test.run=^TestCrashChild$")
		c.Env = append(os.Environ(), crashFolder+"="+folder)
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		children, outs = append(children, c), append(outs, bufio.NewReader(out))
	}
	for i, c := range children {
		time.AfterFunc(20*time.Millisecond+rand.N(150*time.Millisecond), func() { _ = c.Process.Kill() })
		for { // up to a last line that was cut off
			line, err := outs[i].ReadBytes('\n')
			if err != nil {
				break
			}
			if bytes.HasPrefix(line, []byte(envelope.Prefix)) {
				lines = append(lines, bytes.TrimSpace(line))
			}
		}
		if err := c.Wait(); err == nil {
			t.Error("a child ended by itself")
		}
	}
	return lines
}
