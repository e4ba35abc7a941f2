package keycache

import (
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/keycache/calls"
	"github.com/sealmesh/sealmesh/keycache/keycachetest"
)

// An unused data key costs one call a soft bound, and from its hard bound on
// nothing.
func TestUnusedKeyLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := keycachetest.NewKMS("a")
		text := foreign(t, 1, "v", m)[0]
		r := newRig(t, keyOf(m), Options{})
		r.mustOpen(text, "v")
		r.mustSeal("v")
		time.Sleep(DefaultHard - DefaultSoft)
		wantCount(t, "entries", int64(r.Stats()[0].Entries), 2)
		time.Sleep(2 * DefaultSoft)
		wantCount(t, "entries past the hard bound", int64(r.Stats()[0].Entries), 0)
		calls := m.Unwraps.Load()
		if least, most := int64(2*DefaultHard*100/(DefaultSoft*95)), 1+int64(2*DefaultHard/(DefaultSoft*8/10)); calls < least || calls > most {
			t.Errorf("%d unwraps for two idle data keys, want %d to %d", calls, least, most)
		}
		time.Sleep(24 * time.Hour)
		wantCount(t, "unwraps a day later", m.Unwraps.Load(), calls)
		if s := r.Stats()[0]; s.Evictions["idle"] != 2 {
			t.Errorf("evictions %v", s.Evictions)
		}
		r.end()
	})
}

// What idle data keys cost is bounded, however many there are; those that go
// without are verified before they serve.
func TestIdleKeysKeepToTheirAllowance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 1500
		m := keycachetest.NewKMS("a")
		r := newRig(t, keyOf(m), Options{})
		texts := foreign(t, n, "v", m)
		for _, text := range texts {
			r.mustOpen(text, "v")
		}
		began, before := time.Now(), m.Unwraps.Load()
		time.Sleep(DefaultHard / 2)
		calls, most := m.Unwraps.Load()-before, int64(idleBurst+idleRate*time.Since(began).Seconds())
		if calls > most || calls < most/2 {
			t.Errorf("%d calls for idle data keys, the allowance is %d", calls, most)
		}
		m.Answer(0, hsm.Denied)
		time.Sleep(DefaultSoft)
		for _, text := range texts {
			_, err := r.open(text)
			r.wantReason(err, KeyDenied)
		}
		r.end()
	})
}

// A data key that nobody used for long is ready, and revoked within soft all
// the same.
func TestIdleKeyIsReadyAndRevoked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := keycachetest.NewKMS("a")
		text := foreign(t, 1, "v", m)[0]
		r := newRig(t, keyOf(m), Options{})
		r.mustOpen(text, "v")
		m.Answer(100*time.Millisecond, 0)
		time.Sleep(30 * time.Minute)
		start := time.Now()
		r.mustOpen(text, "v")
		if d := time.Since(start); d != 0 {
			t.Errorf("the use waited %v", d)
		}
		if s := r.Stats()[0]; s.Stale != 0 {
			t.Errorf("stats %+v: want no stale use", s)
		}
		time.Sleep(30 * time.Minute)
		m.Answer(0, hsm.Denied)
		time.Sleep(DefaultSoft)
		_, err := r.open(text)
		r.wantReason(err, KeyDenied)
		r.end()
	})
}

// However slow the KMS: under a data key that is held, no value waits for it.
func TestSlowKMSKeepsNobodyWaiting(t *testing.T) {
	bounds := map[string]hsm.TTLs{
		"default": {},
		"short":   {Soft: time.Second, Hard: 4 * time.Second},
		"equal":   {Soft: time.Minute, Hard: time.Minute},
	}
	for name, b := range bounds {
		for _, latency := range []time.Duration{300 * time.Millisecond, 1600 * time.Millisecond, 3 * time.Second, time.Hour} {
			t.Run(name+"/"+latency.String(), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					m := keycachetest.NewKMS("a")
					text := foreign(t, 1, "v", m)[0]
					cfg := keyOf(m)
					cfg.Cache = b
					r := newRig(t, cfg, Options{})
					r.mustOpen(text, "v")
					r.mustSeal("v")
					_, held, _ := resolve(cfg)
					m.Answer(latency, 0)
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

// A KMS slower than soft: what it vouches for is old when it comes, and its
// denial takes effect when it comes.
func TestRevocationByASlowKMS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const latency = 1600 * time.Millisecond
		m := keycachetest.NewKMS("a")
		cfg := keyOf(m)
		cfg.Cache = hsm.TTLs{Soft: time.Second, Hard: time.Minute}
		r := newRig(t, cfg, Options{})
		text := r.mustSeal("v")
		m.Answer(latency, 0)
		for began := time.Now(); time.Since(began) < 2*time.Minute; time.Sleep(100 * time.Millisecond) {
			r.mustOpen(text, "v")
		}
		if n := m.Unwraps.Load(); n > int64(2*time.Minute/latency)+1 {
			t.Errorf("%d calls in 2 minutes of %v each: more than one at a time", n, latency)
		}
		m.Answer(latency, hsm.Denied)
		time.Sleep(2*latency + time.Second)
		_, err := r.open(text)
		r.wantReason(err, KeyDenied)
		r.end()
	})
}

// A dormant data key waits a moment for a KMS that hangs, and after that it
// does not, and neither do others; those are asked for all the same.
func TestHangingKMSCountsAsAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := keycachetest.NewKMS("a")
		texts := foreign(t, 20, "v", m)
		r := newRig(t, keyOf(m), Options{})
		r.dataKeys.Idle = calls.NewAllowance(0, 0)
		for _, text := range texts {
			r.mustOpen(text, "v")
		}
		time.Sleep(DefaultSoft + time.Minute)
		m.Answer(time.Hour, 0)
		before, start := m.Unwraps.Load(), time.Now()
		for range 2 {
			for _, text := range texts {
				r.mustOpen(text, "v")
			}
		}
		if d := time.Since(start); d != staleWait {
			t.Errorf("40 uses of 20 dormant data keys waited %v, want %v", d, staleWait)
		}
		synctest.Wait()
		wantCount(t, "data keys that the KMS is asked for", m.Unwraps.Load()-before, 20)
		m.Answer(0, hsm.Denied)
		time.Sleep(DefaultSoft)
		for _, text := range texts {
			_, err := r.open(text)
			r.wantReason(err, KeyDenied)
		}
		r.end()
	})
}

// A wait that ends with a stale data key took time too: the values that follow
// are judged by the clock as it is then.
func TestSessionReadsTheClockAfterItWaited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := keycachetest.NewKMS("a")
		text := foreign(t, 1, "v", m)[0]
		r := newRig(t, keyOf(m), Options{})
		r.dataKeys.Idle = calls.NewAllowance(0, 0)
		r.mustOpen(text, "v")
		time.Sleep(DefaultSoft + time.Minute)
		m.Answer(time.Hour, 0)
		s := r.session()
		if _, _, err := s.Open(nil, r.tag, text); err != nil {
			t.Fatal(err)
		}
		if behind := r.now() - s.st.now; behind != 0 {
			t.Errorf("the session's clock is %v behind", behind)
		}
		if err := s.Close(nil); err != nil {
			t.Error(err)
		}
		r.end()
	})
}
