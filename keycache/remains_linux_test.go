//go:build !race

package keycache

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/sealmesh/sealmesh/codec/suite"
	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/keycache/keycachetest"
)

// mask hides what a test knows of a data key from its own search.
const mask = 0xa5

// A masked KEK remembers the data keys that it generates.
type masked struct {
	hsm.Provider
	hidden []byte
}

func (m *masked) GenerateDataKey(ctx context.Context, ec hsm.EncryptionContext) (*hsm.Secret, []byte, error) {
	key, wrapped, err := m.Provider.GenerateDataKey(ctx, ec)
	if err == nil {
		key.Expose(func(b []byte) {
			m.hidden = make([]byte, len(b))
			for i := range b {
				m.hidden[i] = b[i] ^ mask
			}
		})
	}
	return key, wrapped, err
}

// copies counts how often the data key is in what this process may write to. A
// buffer that memory is read into does not count.
func (m *masked) copies(t *testing.T, buffer []byte) (n int) {
	t.Helper()
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	mem, err := os.Open("/proc/self/mem")
	if err != nil {
		t.Fatal(err)
	}
	defer mem.Close()
	self := uint64(uintptr(unsafe.Pointer(&buffer[0])))
	for lines := bufio.NewScanner(bytes.NewReader(maps)); lines.Scan(); {
		var from, to uint64
		var mode string
		if _, err := fmt.Sscanf(lines.Text(), "%x-%x %s", &from, &to, &mode); err != nil || !strings.HasPrefix(mode, "rw") {
			continue
		}
		for at := from; at < to; at += uint64(len(buffer) - len(m.hidden) + 1) {
			part := buffer[:min(uint64(len(buffer)), to-at)]
			if _, err := mem.ReadAt(part, int64(at)); err != nil {
				break // a device, or gone meanwhile
			}
			for i := range part {
				if at := at + uint64(i); m.at(part[i:]) && (at+hsm.DataKeySize <= self || at >= self+uint64(len(buffer))) {
					n++
				}
			}
		}
	}
	clear(buffer)
	return n
}

// at reports whether the data key stands at the beginning of b.
func (m *masked) at(b []byte) bool {
	if len(b) < len(m.hidden) {
		return false
	}
	for i, h := range m.hidden {
		if b[i]^mask != h {
			return false
		}
	}
	return true
}

// No more of a data key remains than docs/threat-model.md says. While the data
// key is in use, key schedules hold it, and suite 2 does too. Once it is
// flushed, what remains is memory that nobody refers to and that Go has not
// used again; a build that clears such memory leaves nothing.
func TestRemains(t *testing.T) {
	buffer := make([]byte, 1<<20)
	for s := range suite.All() {
		if s.Deterministic { // seals under pinned keys alone
			continue
		}
		t.Run(s.Name, func(t *testing.T) {
			key := keyOf(keycachetest.NewKMS("a"))
			m := &masked{Provider: key.KEKs[0].Provider}
			key.KEKs[0].Provider = m
			r := newRig(t, key, Options{})
			var err error
			if r.tag, err = r.Tag("pii", "k", s.ID, nil); err != nil {
				t.Fatal(err)
			}
			r.mustOpen(r.mustSeal("v"), "v")
			if n := m.copies(t, buffer); n < 1 || n > 3 {
				t.Errorf("%d copies while in use: 3 are known of, and none means that the search is blind", n)
			}
			r.Flush("")
			m.waitFor(t, "flushed", buffer)
			r.end()
			m.waitFor(t, "closed", buffer)
		})
	}
}

// waitFor gives the garbage collector and its cleanups time.
func (m *masked) waitFor(t *testing.T, what string, buffer []byte) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; {
		runtime.GC()
		n := m.copies(t, buffer)
		if n <= mostRemains {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: %d copies remain, not %d at most", what, n, mostRemains)
		}
	}
}
