package keycache

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/keycache/calls"
	"github.com/sealmesh/sealmesh/keycache/datakeys"
	"github.com/sealmesh/sealmesh/keycache/keycachetest"
)

// A KMS whose answer may be a refusal costs no data key its place; the key
// serves to its soft TTL, no further, and goes on once the KMS vouches for it
// again.
func TestUnclearServesToSoft(t *testing.T) {
	for name, after := range map[string]struct {
		delay time.Duration
		class hsm.Class
	}{
		"unclear":          {0, hsm.Unclear},
		"then unavailable": {0, hsm.Unavailable},
		"then silent":      {time.Hour, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := keycachetest.NewKMS("a")
				r := newRig(t, keyOf(m), Options{})
				text := r.mustSeal("v")
				sealed := time.Now()
				m.Answer(0, hsm.Unclear)
				for m.Unwraps.Load() == 0 {
					time.Sleep(time.Second)
				}
				m.Answer(after.delay, after.class)
				for time.Since(sealed) < DefaultSoft-time.Second {
					r.mustOpen(text, "v")
					r.mustSeal("v")
					time.Sleep(time.Second)
				}
				time.Sleep(2 * time.Second)
				for range 120 {
					_, err := r.open(text)
					r.wantReason(err, KeyUnclear)
					_, err = r.seal("v")
					r.wantReason(err, KeyUnclear)
					time.Sleep(time.Second)
				}
				s := r.Stats()[0]
				if s.Entries != 1 || s.Doubted != 1 || s.Evictions["denied"]+s.Evictions["refused"] != 0 || s.Misses["unclear"] == 0 {
					t.Errorf("stats %+v: want the data key held, in doubt", s)
				}
				if n := m.Unwraps.Load(); n > 500 {
					t.Errorf("%d calls in two minutes", n)
				}
				m.Answer(0, 0)
				time.Sleep(calls.WhileUnavailable.Max + calls.WhileUnclear.Max + DefaultTimeout)
				r.mustOpen(text, "v")
				r.mustSeal("v")
				if s := r.Stats()[0]; s.Doubted != 0 || s.Misses["first_seen"] != 0 || m.Generates.Load() != 1 {
					t.Errorf("stats %+v, %d data keys made: want the same data key", s, m.Generates.Load())
				}
				r.end()
			})
		})
	}
}

// An outage that ends in an unclear answer is survived no longer.
func TestUnclearEndsStaleness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := keycachetest.NewKMS("a")
		r := newRig(t, keyOf(m), Options{})
		text := r.mustSeal("v")
		m.Answer(0, hsm.Unavailable)
		time.Sleep(20 * time.Minute)
		r.mustOpen(text, "v")
		m.Answer(0, hsm.Unclear)
		time.Sleep(2*calls.WhileUnavailable.Max + 2*time.Second)
		_, err := r.open(text)
		r.wantReason(err, KeyUnclear)
		r.end()
	})
}

// A blip of unclear answers is not seen by anybody.
func TestUnclearBlip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := keycachetest.NewKMS("a")
		r := newRig(t, keyOf(m), Options{})
		text := r.mustSeal("v")
		for range 3600 {
			if m.Unwraps.Load()%4 == 0 {
				m.Answer(0, hsm.Unclear)
			} else {
				m.Answer(0, 0)
			}
			r.mustOpen(text, "v")
			time.Sleep(time.Second)
		}
		if s := r.Stats()[0]; s.Stale != 0 || s.Misses["unclear"] != 0 {
			t.Errorf("stats %+v", s)
		}
		r.end()
	})
}

// Whatever the bounds: three tries fit before the soft TTL, be they as long as
// they may.
func TestThreeTriesFitBeforeSoft(t *testing.T) {
	for name, c := range map[string]struct {
		soft, delay time.Duration
		class       hsm.Class
	}{
		"default, hanging":    {DefaultSoft, time.Hour, 0},
		"default, unclear":    {DefaultSoft, 0, hsm.Unclear},
		"a minute, hanging":   {time.Minute, time.Hour, 0},
		"a minute, away":      {time.Minute, 0, hsm.Unavailable},
		"10 seconds, unclear": {10 * time.Second, 0, hsm.Unclear},
	} {
		t.Run(name, func(t *testing.T) {
			for range 20 { // the moments are drawn at random
				synctest.Test(t, func(t *testing.T) {
					m := keycachetest.NewKMS("a")
					cfg := keyOf(m)
					cfg.Cache.Soft = c.soft
					r := newRig(t, cfg, Options{})
					r.mustSeal("v")
					m.Answer(c.delay, c.class)
					time.Sleep(c.soft)
					if n := m.Unwraps.Load(); n < 3 {
						t.Errorf("%d tries before soft", n)
					}
					r.end()
				})
			}
		})
	}
}

// The moments of verification spread, and are no earlier than they need be.
func TestVerifyAt(t *testing.T) {
	for _, c := range []struct{ soft, first, last time.Duration }{
		{DefaultSoft, 240 * time.Second, 282400 * time.Millisecond},
		{time.Minute, 36400 * time.Millisecond, 42400 * time.Millisecond},
		{10 * time.Second, 4 * time.Second, 5 * time.Second},
		{time.Hour, 48 * time.Minute, 3582400 * time.Millisecond},
	} {
		first, last := datakeys.VerifyAt(c.soft, DefaultTimeout, 0), datakeys.VerifyAt(c.soft, DefaultTimeout, 1)
		if first != c.first || last != c.last {
			t.Errorf("soft %v: verified %v to %v after the last time, want %v to %v", c.soft, first, last, c.first, c.last)
		}
	}
}

// With nothing cached, an unclear answer is nobody else's: other records open,
// and the same one is asked for again soon.
func TestUnclearRecordShutsOutNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := keycachetest.NewKMS("a")
		texts := foreign(t, 2, "v", m)
		r := newRig(t, keyOf(m), Options{})
		m.Answer(0, hsm.Unclear)
		for range 100 {
			_, err := r.open(texts[0])
			r.wantReason(err, KeyUnclear)
		}
		m.Answer(0, 0)
		r.mustOpen(texts[1], "v")
		time.Sleep(unclearFor)
		r.mustOpen(texts[0], "v")
		if n := m.Unwraps.Load(); n > 4 { // the two of foreign's are seals
			t.Errorf("%d calls for 100 uses of a record", n)
		}
		r.end()
	})
}

// A KEK that is unclear passes the question on; what another vouches for
// serves.
func TestUnclearKEKIsPassedOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := keycachetest.NewKMS("a"), keycachetest.NewKMS("b")
		text := foreign(t, 1, "v", a, b)[0]
		a.Answer(0, hsm.Unclear)
		r := newRig(t, keyOf(a, b), Options{})
		if err := r.Verify(context.Background()); err != nil {
			t.Error(err)
		}
		for range 60 {
			r.mustOpen(text, "v")
			r.mustSeal("v")
			time.Sleep(time.Minute)
		}
		b.Answer(0, hsm.Unavailable)
		time.Sleep(DefaultSoft + time.Minute)
		_, err := r.open(text)
		r.wantReason(err, KeyUnclear)
		r.end()
	})
}

// A process that may not unwrap seals to soft under what it has, and on once
// the KMS makes data keys again.
func TestUnclearWhereNothingUnwraps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := keycachetest.NewKMS("a")
		cfg := keyOf(m)
		cfg.Use = hsm.SealOnly
		r := newRig(t, cfg, Options{})
		first := headerOf(t, r.mustSeal("v")).KeyID
		began := time.Now()
		m.Answer(0, hsm.Unclear)
		for time.Since(began) < DefaultSoft-time.Second {
			if id := headerOf(t, r.mustSeal("v")).KeyID; id != first {
				t.Fatal("another data key")
			}
			time.Sleep(time.Second)
		}
		time.Sleep(2 * time.Second)
		_, err := r.seal("v")
		r.wantReason(err, KeyUnclear)
		m.Answer(0, 0)
		time.Sleep(2 * calls.WhileUnclear.Max)
		r.mustSeal("v")
		r.end()
	})
}
