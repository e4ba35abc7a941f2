//go:build !race

package keycache

import (
	"io"
	"testing"
	"time"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/keycache/keycachetest"
	"github.com/sealmesh/sealmesh/keycache/keyuse"
)

// A value that is sealed or opened on a hit allocates nothing, and neither does
// Prefetch.
func TestHitsAllocateNothing(t *testing.T) {
	m := keycachetest.NewKMS("a")
	cfg := keyOf(m)
	cfg.Cache.Soft = 2 * time.Second // it ends while the KMS is unavailable
	r := newRig(t, cfg, Options{})
	s := r.session()
	dst := make([]byte, 0, 1024)
	value := []byte("0123456789abcdef")
	text, err := s.Seal(nil, r.tag, codec.Text, value)
	if err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]func(){
		"seal":     func() { _, err = s.Seal(dst, r.tag, codec.Text, value) },
		"open":     func() { _, _, err = s.Open(dst, r.tag, text) },
		"prefetch": func() { s.Prefetch(r.tag, text) },
		"admit":    func() { err = s.Admit() },
		"warm":     func() { s.Warm(r.tag) },
	} {
		f() // the first of its kind opens an entry in the account
		if n := testing.AllocsPerRun(3000, f); n != 0 || err != nil {
			t.Errorf("%s: %v allocations, %v", name, n, err)
		}
	}
	m.Answer(0, hsm.Unavailable)
	d := r.keys["k"].Keys.Current()
	for d.Fresh(r.now()) || !d.Serves(r.now()) {
		time.Sleep(time.Millisecond)
	}
	for name, f := range map[string]func(){
		"stale seal": func() { _, err = s.Seal(dst, r.tag, codec.Text, value) },
		"stale open": func() { _, _, err = s.Open(dst, r.tag, text) },
	} {
		if n := testing.AllocsPerRun(3000, f); n != 0 || err != nil {
			t.Errorf("%s: %v allocations, %v", name, n, err)
		}
	}
	if err := s.Close(nil); err != nil {
		t.Fatal(err)
	}
	r.end()
}

// The session itself is the only allocation of a direction: what it works with
// is pooled.
func TestSessionAllocatesItselfAlone(t *testing.T) {
	// Allocations of every goroutine count, so nothing may be exported meanwhile:
	// the delay is long, and the spans are fewer than a batch.
	rec, err := keyuse.Open(keyuse.Options{Required: true, Console: io.Discard, Getenv: func(name string) string {
		if name == "OTEL_BSP_SCHEDULE_DELAY" {
			return "3600000"
		}
		return keycachetest.ToConsole(name)
	}})
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, keyOf(keycachetest.NewKMS("a")), Options{Recorder: rec})
	dst := make([]byte, 0, 1024)
	value := []byte("0123456789abcdef")
	direction := func() {
		s := r.session()
		for range 5 {
			if _, err := s.Seal(dst, r.tag, codec.Text, value); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Close(nil); err != nil {
			t.Fatal(err)
		}
	}
	direction()
	if n := testing.AllocsPerRun(200, direction); n > 1 {
		t.Errorf("%v allocations, want 1", n)
	}
	r.end()
}
