package keycache

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/keycache/calls"
	"github.com/sealmesh/sealmesh/keycache/keycachetest"
)

// In use, a data key costs one call per soft bound, whatever the load.
func TestRefreshDoesNotDependOnLoad(t *testing.T) {
	for name, every := range map[string]time.Duration{"1/min": time.Minute, "1/s": time.Second, "2/s": 500 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := keycachetest.NewKMS("a")
				text := foreign(t, 1, "v", m)[0]
				r := newRig(t, keyOf(m), Options{})
				for end := time.Now().Add(2 * time.Hour); time.Now().Before(end); time.Sleep(every) {
					r.mustOpen(text, "v")
				}
				stats := r.Stats()[0]
				r.end()
				for i, at := range m.Times[1:] {
					if gap := at.Sub(m.Times[i]); gap < DefaultSoft*8/10 || gap > DefaultSoft {
						t.Fatalf("call %d came %v after the one before, want 0.8 to 1 soft bounds", i+1, gap)
					}
				}
				if n := len(m.Times); n < 24 || n > 30 {
					t.Errorf("%d calls in 24 soft bounds", n)
				}
				if stats.Stale != 0 || stats.Misses["first_seen"] != 1 {
					t.Errorf("stats %+v: want no stale use, and one miss", stats)
				}
			})
		})
	}
}

func TestSealingKeyIsRefreshedToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := keycachetest.NewKMS("a")
		r := newRig(t, keyOf(m), Options{})
		for range 60 {
			r.mustOpen(r.mustSeal("v"), "v")
			time.Sleep(time.Minute)
		}
		wantCount(t, "generates", m.Generates.Load(), 1)
		if n := m.Unwraps.Load(); n < 12 || n > 15 {
			t.Errorf("%d unwraps in 12 soft bounds: sealing and opening share one data key", n)
		}
		r.end()
	})
}

func TestOutageIsSurvivedUntilTheHardBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := keycachetest.NewKMS("a")
		r := newRig(t, keyOf(m), Options{})
		text := r.mustSeal("v")
		last := time.Now() // when the KMS last vouched for the data key
		m.Answer(0, hsm.Unavailable)
		for time.Since(last) < DefaultHard-time.Second {
			r.mustOpen(text, "v")
			r.mustSeal("v")
			time.Sleep(time.Second)
		}
		if s := r.Stats()[0]; s.Stale == 0 {
			t.Errorf("stats %+v: want stale uses", s)
		}
		if n := m.Unwraps.Load(); n > 500 {
			t.Errorf("%d calls in an outage of an hour: no back-off", n)
		}
		time.Sleep(2 * time.Second)
		_, err := r.open(text)
		r.wantReason(err, KeyUnavailable)
		_, err = r.seal("v")
		r.wantReason(err, KeyUnavailable)

		m.Answer(0, 0)
		time.Sleep(calls.WhileUnavailable.Max + DefaultTimeout)
		r.mustOpen(text, "v")
		r.mustSeal("v")
		uses := r.end()
		stale := 0
		for _, u := range uses {
			if u["sealmesh.cache"] == "stale" {
				stale++
			}
		}
		if stale == 0 {
			t.Error("no use is recorded as stale")
		}
	})
}

func TestRecoveryEndsStaleness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := keycachetest.NewKMS("a")
		r := newRig(t, keyOf(m), Options{})
		text := r.mustSeal("v")
		m.Answer(0, hsm.Unavailable)
		for range 20 * 60 {
			r.mustOpen(text, "v")
			time.Sleep(time.Second)
		}
		m.Answer(0, 0)
		// A gate that is shut for at most 30 s, and a try that just missed its
		// opening.
		for range 2*int(calls.WhileUnavailable.Max/time.Second) + 5 {
			r.mustOpen(text, "v")
			time.Sleep(time.Second)
		}
		stale := r.Stats()[0].Stale
		r.mustOpen(text, "v")
		wantCount(t, "stale uses after the recovery", int64(r.Stats()[0].Stale-stale), 0)
		r.end()
	})
}

func TestRevocationTakesEffectWithinSoft(t *testing.T) {
	for range 20 { // the moment of the refresh is drawn at random
		synctest.Test(t, func(t *testing.T) {
			m := keycachetest.NewKMS("a")
			r := newRig(t, keyOf(m), Options{})
			text := r.mustSeal("v")
			time.Sleep(17 * time.Minute / 10)
			m.Answer(0, hsm.Denied)
			revoked := time.Now()
			for {
				_, errOpen := r.open(text)
				_, errSeal := r.seal("v")
				if errOpen != nil && errSeal != nil {
					r.wantReason(errOpen, KeyDenied)
					r.wantReason(errSeal, KeyDenied)
					break
				}
				if time.Since(revoked) > DefaultSoft {
					t.Fatalf("open %v, seal %v, %v after the revocation", errOpen, errSeal, time.Since(revoked))
				}
				time.Sleep(time.Second)
			}
			r.end()
		})
	}
}

// The refresh that is denied evicts, though the soft bound is not reached.
func TestDenialEvictsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := keycachetest.NewKMS("a")
		r := newRig(t, keyOf(m), Options{})
		text := r.mustSeal("v")
		sealed := time.Now()
		m.Answer(0, hsm.Denied)
		for m.Unwraps.Load() == 0 {
			r.mustOpen(text, "v")
			time.Sleep(time.Second)
		}
		_, err := r.open(text)
		r.wantReason(err, KeyDenied)
		if age := time.Since(sealed); age >= DefaultSoft {
			t.Errorf("evicted %v after the KMS vouched for the key, want before the soft bound", age)
		}
		wantCount(t, "entries", int64(r.Stats()[0].Entries), 0)
		r.end()
	})
}

// A denial of one record costs no other data key its place: that takes an
// answer of its own.
func TestDenialOfOneRecordEvictsNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := keycachetest.NewKMS("a")
		texts := foreign(t, 2, "v", m)
		m.Denies = string(mustRecord(t, headerOf(t, texts[1]).Record).Wraps[0].Wrapped)
		r := newRig(t, keyOf(m), Options{})
		for range 1200 {
			r.mustOpen(texts[0], "v")
			_, err := r.open(texts[1])
			r.wantReason(err, KeyDenied)
			time.Sleep(time.Second)
		}
		if s := r.Stats()[0]; s.Stale != 0 || s.Evictions["denied"] != 0 {
			t.Errorf("stats %+v", s)
		}
		r.end()
	})
}

// A denial is remembered for a moment, and tried again after it.
func TestDeniedStormAsksRarely(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := keycachetest.NewKMS("a")
		texts := foreign(t, 10, "v", m)
		m.Answer(0, hsm.Denied)
		m.Generates.Store(0)
		r := newRig(t, keyOf(m), Options{})
		for range 200 {
			for _, text := range texts {
				_, err := r.open(text)
				r.wantReason(err, KeyDenied)
			}
			_, err := r.seal("v")
			r.wantReason(err, KeyDenied)
			time.Sleep(100 * time.Millisecond)
		}
		if n := m.Unwraps.Load() + m.Generates.Load(); n < 3 || n > 7 {
			t.Errorf("%d calls in 20 s, want about one per %v", n, calls.DeniedFor)
		}
		m.Answer(0, 0)
		time.Sleep(2 * calls.DeniedFor)
		r.mustOpen(texts[0], "v")
		r.mustSeal("v")
		r.end()
	})
}

func TestOutageStormAsksRarely(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := keycachetest.NewKMS("a")
		texts := foreign(t, 10, "v", m)
		m.Answer(0, hsm.Unavailable)
		m.Generates.Store(0)
		r := newRig(t, keyOf(m), Options{})
		for range 10 * 60 {
			for _, text := range texts {
				_, err := r.open(text)
				r.wantReason(err, KeyUnavailable)
			}
			time.Sleep(time.Second)
		}
		if n := m.Unwraps.Load(); n > 120 {
			t.Errorf("%d calls in ten minutes of outage", n)
		}
		m.Answer(0, 0)
		time.Sleep(calls.WhileUnavailable.Max)
		r.mustOpen(texts[0], "v")
		r.end()
	})
}

func TestFlush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := keycachetest.NewKMS("a")
		r := newRig(t, keyOf(m), Options{})
		text := r.mustSeal("v")
		m.Answer(0, hsm.Denied)
		r.mustOpen(text, "v")
		r.Flush("another")
		r.mustOpen(text, "v")
		r.Flush("k")
		_, err := r.open(text)
		r.wantReason(err, KeyDenied)
		m.Answer(0, 0)
		r.Flush("") // also forgets the denial
		r.mustOpen(text, "v")
		r.end()
	})
}

// What the KMS answered before a flush does not outlive it.
func TestFlushReachesCallsInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := keycachetest.NewKMS("a")
		text := foreign(t, 1, "v", m)[0]
		r := newRig(t, keyOf(m), Options{})
		m.Answer(time.Second, 0)
		done := make(chan error)
		go func() {
			_, err := r.open(text)
			done <- err
		}()
		synctest.Wait()
		r.Flush("")
		m.Answer(0, hsm.Denied)
		r.wantReason(<-done, KeyDenied)
		r.end()
	})
}
