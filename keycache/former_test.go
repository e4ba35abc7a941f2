package keycache

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/keycache/keycachetest"
)

// succeeding is a key whose KEK is present, by a name that former bore before.
func succeeding(present, former *keycachetest.KMS) *hsm.Key {
	cfg := keyOf(present)
	cfg.KEKs[0].Former = []hsm.KEK{former.KEK()}
	return cfg
}

// What an alias's former target wrapped opens; what is new is wrapped by the
// present one alone, and lacks nothing.
func TestFormerTargetOpens(t *testing.T) {
	present, former := keycachetest.NewKMS("present"), keycachetest.NewKMS("former")
	old := foreign(t, 1, "v", former)[0]
	r := newRig(t, succeeding(present, former), Options{})
	if err := r.Verify(t.Context()); err != nil {
		t.Fatal(err)
	}
	generates, wraps := former.Generates.Load(), former.Wraps.Load()
	r.mustOpen(old, "v")
	text := r.mustSeal("v")
	rec := mustRecord(t, headerOf(t, text).Record)
	if len(rec.Wraps) != 1 || rec.Wraps[0].KEK != present.KEK().Ref() {
		t.Errorf("%d wraps", len(rec.Wraps))
	}
	if former.Generates.Load() != generates || former.Wraps.Load() != wraps {
		t.Error("a former target was asked to wrap")
	}
	s := r.Keys()[0]
	if len(s.KEKs) != 2 || s.KEKs[0].Former || !s.KEKs[1].Former || s.DataKey.Wraps != 1 || r.Stats()[0].Degraded != 0 {
		t.Errorf("status %+v", s)
	}
	r.end()
}

// A former target that is disabled takes with it what it wrapped, within soft,
// and no more.
func TestFormerTargetIsRevoked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		present, former := keycachetest.NewKMS("present"), keycachetest.NewKMS("former")
		old := foreign(t, 1, "v", former)[0]
		r := newRig(t, succeeding(present, former), Options{})
		r.mustOpen(old, "v")
		former.Answer(0, hsm.Denied)
		time.Sleep(DefaultSoft)
		for range 20 {
			_, err := r.open(old)
			r.wantReason(err, KeyDenied)
			r.mustOpen(r.mustSeal("v"), "v")
			time.Sleep(time.Minute)
		}
		r.end()
	})
}
