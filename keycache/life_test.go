package keycache

import (
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sealmesh/sealmesh/hsm"
)

// In use, a data key costs one call per soft bound, whatever the load.
func TestRefreshDoesNotDependOnLoad(t *testing.T) {
	for name, every := range map[string]time.Duration{"1/min": time.Minute, "1/s": time.Second, "2/s": 500 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newKMS("a")
				text := foreign(t, 1, "v", m)[0]
				r := newRig(t, keyOf(m), Options{})
				for end := time.Now().Add(2 * time.Hour); time.Now().Before(end); time.Sleep(every) {
					r.mustOpen(text, "v")
				}
				stats := r.Stats().Keys[0]
				r.end()
				for i, at := range m.times[1:] {
					if gap := at.Sub(m.times[i]); gap < DefaultSoft*8/10 || gap > DefaultSoft {
						t.Fatalf("call %d came %v after the one before, want 0.8 to 1 soft bounds", i+1, gap)
					}
				}
				if n := len(m.times); n < 24 || n > 30 {
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
		m := newKMS("a")
		r := newRig(t, keyOf(m), Options{})
		for range 60 {
			r.mustOpen(r.mustSeal("v"), "v")
			time.Sleep(time.Minute)
		}
		wantCount(t, "generates", m.generates.Load(), 1)
		if n := m.unwraps.Load(); n < 12 || n > 15 {
			t.Errorf("%d unwraps in 12 soft bounds: sealing and opening share one data key", n)
		}
		r.end()
	})
}

// An unused data key costs one call a soft bound, and from its hard bound on nothing.
func TestUnusedKeyLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newKMS("a")
		text := foreign(t, 1, "v", m)[0]
		r := newRig(t, keyOf(m), Options{})
		r.mustOpen(text, "v")
		r.mustSeal("v")
		time.Sleep(DefaultHard - DefaultSoft)
		wantCount(t, "entries", int64(r.Stats().Keys[0].Entries), 2)
		time.Sleep(2 * DefaultSoft)
		wantCount(t, "entries past the hard bound", int64(r.Stats().Keys[0].Entries), 0)
		calls := m.unwraps.Load()
		if least, most := int64(2*DefaultHard*100/(DefaultSoft*95)), 1+int64(2*DefaultHard/(DefaultSoft*8/10)); calls < least || calls > most {
			t.Errorf("%d unwraps for two idle data keys, want %d to %d", calls, least, most)
		}
		time.Sleep(24 * time.Hour)
		wantCount(t, "unwraps a day later", m.unwraps.Load(), calls)
		if s := r.Stats().Keys[0]; s.Evictions["idle"] != 2 {
			t.Errorf("evictions %v", s.Evictions)
		}
		r.end()
	})
}

// What idle data keys cost is bounded, however many there are; those that go without
// are verified before they serve.
func TestIdleKeysKeepToTheirAllowance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 1500
		m := newKMS("a")
		r := newRig(t, keyOf(m), Options{})
		texts := foreign(t, n, "v", m)
		for _, text := range texts {
			r.mustOpen(text, "v")
		}
		began, before := time.Now(), m.unwraps.Load()
		time.Sleep(DefaultHard / 2)
		calls, most := m.unwraps.Load()-before, int64(idleBurst+idleRate*time.Since(began).Seconds())
		if calls > most || calls < most/2 {
			t.Errorf("%d calls for idle data keys, the allowance is %d", calls, most)
		}
		m.answer(0, hsm.Denied)
		time.Sleep(DefaultSoft)
		for _, text := range texts {
			_, err := r.open(text)
			r.wantReason(err, KeyDenied)
		}
		r.end()
	})
}

// A data key that nobody used for long is ready, and revoked within soft all the same.
func TestIdleKeyIsReadyAndRevoked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newKMS("a")
		text := foreign(t, 1, "v", m)[0]
		r := newRig(t, keyOf(m), Options{})
		r.mustOpen(text, "v")
		m.answer(100*time.Millisecond, 0)
		time.Sleep(30 * time.Minute)
		start := time.Now()
		r.mustOpen(text, "v")
		if d := time.Since(start); d != 0 {
			t.Errorf("the use waited %v", d)
		}
		if s := r.Stats().Keys[0]; s.Stale != 0 {
			t.Errorf("stats %+v: want no stale use", s)
		}
		time.Sleep(30 * time.Minute)
		m.answer(0, hsm.Denied)
		time.Sleep(DefaultSoft)
		_, err := r.open(text)
		r.wantReason(err, KeyDenied)
		r.end()
	})
}

// However slow the KMS: under a data key that is held, no value waits for it.
func TestSlowKMSKeepsNobodyWaiting(t *testing.T) {
	bounds := map[string]hsm.Bounds{
		"default": {},
		"short":   {Soft: time.Second, Hard: 4 * time.Second},
		"equal":   {Soft: time.Minute, Hard: time.Minute},
	}
	for name, b := range bounds {
		for _, latency := range []time.Duration{300 * time.Millisecond, 1600 * time.Millisecond, 3 * time.Second, time.Hour} {
			t.Run(name+"/"+latency.String(), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					m := newKMS("a")
					text := foreign(t, 1, "v", m)[0]
					cfg := keyOf(m)
					cfg.Cache = b
					r := newRig(t, cfg, Options{})
					r.mustOpen(text, "v")
					r.mustSeal("v")
					_, held, _ := resolve(cfg)
					m.answer(latency, 0)
					rng := rand.New(rand.NewPCG(1, uint64(latency)))
					for began := time.Now(); time.Since(began) < held.Hard*95/100; time.Sleep(time.Duration(rng.Int64N(int64(held.Hard / 20)))) {
						start := time.Now()
						r.mustOpen(text, "v")
						if d := time.Since(start); d != 0 {
							t.Fatalf("a use waited %v, %v after the KMS became slow", d, time.Since(began))
						}
					}
					// One that was not used meanwhile waits no more than that.
					start := time.Now()
					r.mustSeal("v")
					if d := time.Since(start); d != 0 {
						t.Errorf("the idle data key's use waited %v", d)
					}
					r.end()
				})
			})
		}
	}
}

// A KMS slower than soft: what it vouches for is old when it comes, and its denial
// takes effect when it comes.
func TestRevocationByASlowKMS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const latency = 1600 * time.Millisecond
		m := newKMS("a")
		cfg := keyOf(m)
		cfg.Cache = hsm.Bounds{Soft: time.Second, Hard: time.Minute}
		r := newRig(t, cfg, Options{})
		text := r.mustSeal("v")
		m.answer(latency, 0)
		for began := time.Now(); time.Since(began) < 2*time.Minute; time.Sleep(100 * time.Millisecond) {
			r.mustOpen(text, "v")
		}
		if n := m.unwraps.Load(); n > int64(2*time.Minute/latency)+1 {
			t.Errorf("%d calls in 2 minutes of %v each: more than one at a time", n, latency)
		}
		m.answer(latency, hsm.Denied)
		time.Sleep(2*latency + time.Second)
		_, err := r.open(text)
		r.wantReason(err, KeyDenied)
		r.end()
	})
}

func TestOutageIsSurvivedUntilTheHardBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newKMS("a")
		r := newRig(t, keyOf(m), Options{})
		text := r.mustSeal("v")
		last := time.Now() // when the KMS last vouched for the data key
		m.answer(0, hsm.Unavailable)
		for time.Since(last) < DefaultHard-time.Second {
			r.mustOpen(text, "v")
			r.mustSeal("v")
			time.Sleep(time.Second)
		}
		if s := r.Stats().Keys[0]; s.Stale == 0 {
			t.Errorf("stats %+v: want stale uses", s)
		}
		if n := m.unwraps.Load(); n > 500 {
			t.Errorf("%d calls in an outage of an hour: no back-off", n)
		}
		time.Sleep(2 * time.Second)
		_, err := r.open(text)
		r.wantReason(err, KeyUnavailable)
		_, err = r.seal("v")
		r.wantReason(err, KeyUnavailable)

		m.answer(0, 0)
		time.Sleep(providerBackoff.max + DefaultTimeout)
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

// A dormant data key waits a moment for a KMS that hangs, and after that not at all.
func TestHangingKMSCountsAsAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newKMS("a")
		r := newRig(t, keyOf(m), Options{})
		r.idling.rate, r.idling.left = 0, 0
		text := r.mustSeal("v")
		time.Sleep(DefaultSoft + time.Minute)
		m.answer(time.Hour, 0)
		start := time.Now()
		r.mustOpen(text, "v")
		if d := time.Since(start); d != staleWait {
			t.Errorf("the first use waited %v, want %v", d, staleWait)
		}
		r.mustOpen(text, "v")
		if d := time.Since(start); d != staleWait {
			t.Errorf("the second use waited too")
		}
		r.end()
	})
}

func TestRecoveryEndsStaleness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newKMS("a")
		r := newRig(t, keyOf(m), Options{})
		text := r.mustSeal("v")
		m.answer(0, hsm.Unavailable)
		for range 20 * 60 {
			r.mustOpen(text, "v")
			time.Sleep(time.Second)
		}
		m.answer(0, 0)
		// A gate that is shut for at most 30 s, and a try that just missed its opening.
		for range 2*int(providerBackoff.max/time.Second) + 5 {
			r.mustOpen(text, "v")
			time.Sleep(time.Second)
		}
		stale := r.Stats().Keys[0].Stale
		r.mustOpen(text, "v")
		wantCount(t, "stale uses after the recovery", int64(r.Stats().Keys[0].Stale-stale), 0)
		r.end()
	})
}

func TestRevocationTakesEffectWithinSoft(t *testing.T) {
	for range 20 { // the moment of the refresh is drawn at random
		synctest.Test(t, func(t *testing.T) {
			m := newKMS("a")
			r := newRig(t, keyOf(m), Options{})
			text := r.mustSeal("v")
			time.Sleep(17 * time.Minute / 10)
			m.answer(0, hsm.Denied)
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
		m := newKMS("a")
		r := newRig(t, keyOf(m), Options{})
		text := r.mustSeal("v")
		sealed := time.Now()
		m.answer(0, hsm.Denied)
		for m.unwraps.Load() == 0 {
			r.mustOpen(text, "v")
			time.Sleep(time.Second)
		}
		_, err := r.open(text)
		r.wantReason(err, KeyDenied)
		if age := time.Since(sealed); age >= DefaultSoft {
			t.Errorf("evicted %v after the KMS vouched for the key, want before the soft bound", age)
		}
		wantCount(t, "entries", int64(r.Stats().Keys[0].Entries), 0)
		r.end()
	})
}

// A denial of one record costs no other data key its place: that takes an answer of its own.
func TestDenialOfOneRecordEvictsNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newKMS("a")
		texts := foreign(t, 2, "v", m)
		m.denies = string(mustRecord(t, headerOf(t, texts[1]).Record).Wraps[0].Wrapped)
		r := newRig(t, keyOf(m), Options{})
		for range 1200 {
			r.mustOpen(texts[0], "v")
			_, err := r.open(texts[1])
			r.wantReason(err, KeyDenied)
			time.Sleep(time.Second)
		}
		if s := r.Stats().Keys[0]; s.Stale != 0 || s.Evictions["denied"] != 0 {
			t.Errorf("stats %+v", s)
		}
		r.end()
	})
}

// A denial is remembered for a moment, and tried again after it.
func TestDeniedStormAsksRarely(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newKMS("a")
		texts := foreign(t, 10, "v", m)
		m.answer(0, hsm.Denied)
		m.generates.Store(0)
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
		if n := m.unwraps.Load() + m.generates.Load(); n < 3 || n > 7 {
			t.Errorf("%d calls in 20 s, want about one per %v", n, deniedFor)
		}
		m.answer(0, 0)
		time.Sleep(2 * deniedFor)
		r.mustOpen(texts[0], "v")
		r.mustSeal("v")
		r.end()
	})
}

func TestOutageStormAsksRarely(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newKMS("a")
		texts := foreign(t, 10, "v", m)
		m.answer(0, hsm.Unavailable)
		m.generates.Store(0)
		r := newRig(t, keyOf(m), Options{})
		for range 10 * 60 {
			for _, text := range texts {
				_, err := r.open(text)
				r.wantReason(err, KeyUnavailable)
			}
			time.Sleep(time.Second)
		}
		if n := m.unwraps.Load(); n > 120 {
			t.Errorf("%d calls in ten minutes of outage", n)
		}
		m.answer(0, 0)
		time.Sleep(providerBackoff.max)
		r.mustOpen(texts[0], "v")
		r.end()
	})
}

func TestFlush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newKMS("a")
		r := newRig(t, keyOf(m), Options{})
		text := r.mustSeal("v")
		m.answer(0, hsm.Denied)
		r.mustOpen(text, "v")
		r.Flush("another")
		r.mustOpen(text, "v")
		r.Flush("k")
		_, err := r.open(text)
		r.wantReason(err, KeyDenied)
		m.answer(0, 0)
		r.Flush("") // also forgets the denial
		r.mustOpen(text, "v")
		r.end()
	})
}

// What the KMS answered before a flush does not outlive it.
func TestFlushReachesCallsInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newKMS("a")
		text := foreign(t, 1, "v", m)[0]
		r := newRig(t, keyOf(m), Options{})
		m.answer(time.Second, 0)
		done := make(chan error)
		go func() {
			_, err := r.open(text)
			done <- err
		}()
		synctest.Wait()
		r.Flush("")
		m.answer(0, hsm.Denied)
		r.wantReason(<-done, KeyDenied)
		r.end()
	})
}
