package rewrap

import (
	"testing"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/keycache"
	"github.com/sealmesh/sealmesh/keycache/keycachetest"
)

// Rewrap moves what a former target wrapped to the present one, and takes the
// old wrap away only where --drop names it.
func TestRewrapOfAFormerTarget(t *testing.T) {
	for _, drop := range []bool{false, true} {
		present, former := keycachetest.NewKMS("present"), keycachetest.NewKMS("former")
		cfg := keyOf(present)
		cfg.KEKs[0].Former = []hsm.KEK{former.KEK()}
		old := foreign(t, 1, "v", former)[0]
		r := newRig(t, cfg, keycache.Options{})
		var o Options
		if drop {
			o.Drop = []string{former.KEK().URI}
		}
		w, err := New(r.Cache, "k", AsIs, o)
		if err != nil {
			t.Fatal(err)
		}
		s, err := w.Survey(t.Context(), old)
		if err != nil || s.Status != Outdated || len(s.KEKs) != 1 || s.KEKs[0] != former.KEK().URI {
			t.Errorf("survey %+v, %v", s, err)
		}
		text, what, err := w.Rewrap(t.Context(), nil, old)
		if err != nil || what != Outdated {
			t.Fatalf("%v, %v", what, err)
		}
		if n, want := len(mustRecord(t, headerOf(t, text).Record).Wraps), map[bool]int{false: 2, true: 1}[drop]; n != want {
			t.Errorf("drop %t: %d wraps, want %d", drop, n, want)
		}
		r.end()
		r = newRig(t, keyOf(present), keycache.Options{})
		r.mustOpen(text, "v")
		r.end()
	}
}
