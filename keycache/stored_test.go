package keycache

import (
	"bytes"
	"crypto/sha256"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/keycache/calls"
	"github.com/sealmesh/sealmesh/keycache/keycachetest"
	"github.com/sealmesh/sealmesh/keycache/source"
	"github.com/sealmesh/sealmesh/keycache/store"
	"github.com/sealmesh/sealmesh/keycache/store/dir"
)

func storing(s store.Store, refuse bool) Options {
	return Options{Stores: map[string]source.StoreOptions{"k": {Store: s, Refuse: refuse}}}
}

// One data key serves a whole fleet, envelopes name it, and every process opens
// what every other sealed.
func TestFleetSharesADataKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const fleet = 50
		m, s := keycachetest.NewKMS("a"), keycachetest.NewStore()
		m.Answer(20*time.Millisecond, 0)
		s.Answer(5*time.Millisecond, nil)
		var rigs [fleet]*rig
		var sealed [fleet][]byte
		var wg sync.WaitGroup
		for i := range rigs {
			rigs[i] = newRig(t, keyOf(m), storing(s, false))
			wg.Go(func() { sealed[i] = rigs[i].mustSeal("123-45-6789") })
		}
		wg.Wait()
		for i := range rigs {
			if wantShape(t, sealed[i], false).KeyID != headerOf(t, sealed[0]).KeyID {
				t.Fatal("two data keys")
			}
			rigs[i].mustOpen(sealed[(i+1)%fleet], "123-45-6789")
		}
		if n := s.Size(); n != 1 {
			t.Errorf("%d records in the store, want 1", n)
		}
		late := newRig(t, keyOf(m), storing(s, false))
		generates := m.Generates.Load()
		late.mustOpen(late.mustSeal("v"), "v")
		wantCount(t, "data keys made for a latecomer", m.Generates.Load()-generates, 0)
		late.end()
		for _, r := range rigs {
			r.end()
		}
	})
}

// An envelope by id is 58 bytes longer than its value.
func TestStoredOverhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, keyOf(keycachetest.NewKMS("a")), storing(keycachetest.NewStore(), false))
		defer r.end()
		text := r.mustSeal("sixteen letters!")
		if len(text) != 103 {
			t.Errorf("%d characters, want 103", len(text))
		}
	})
}

// The fleet goes from one data key to the next without a wait, none seals
// beyond its age, and all of the fleet agree.
func TestStoredRotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, s := keycachetest.NewKMS("a"), keycachetest.NewStore()
		rigs := []*rig{newRig(t, keyOf(m), storing(s, false)), newRig(t, keyOf(m), storing(s, false))}
		for _, r := range rigs {
			r.mustSeal("v")
		}
		m.Answer(100*time.Millisecond, 0)
		s.Answer(100*time.Millisecond, nil)
		first := map[envelope.KeyID]time.Time{}
		const days = 4
		for range days * 24 * 30 {
			for _, r := range rigs {
				start := time.Now()
				id := wantShape(t, r.mustSeal("v"), false).KeyID
				if time.Since(start) != 0 {
					t.Fatal("a seal waited for a rotation")
				}
				if _, ok := first[id]; !ok {
					first[id] = start
				}
				if age := time.Since(first[id]); age > DefaultRotateAge {
					t.Fatalf("a data key sealed at the age of %v", age)
				}
			}
			time.Sleep(2 * time.Minute)
		}
		if n := len(first); n < 5 || n > 6 {
			t.Errorf("%d data keys in %d days", n, days)
		}
		if s.Size() != len(first) {
			t.Errorf("%d records, %d data keys sealed", s.Size(), len(first))
		}
		for _, r := range rigs {
			r.end()
		}
	})
}

// A data key that is used up has a successor within its epoch, which others
// come to share.
func TestStoredGenerations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, s := keycachetest.NewKMS("a"), keycachetest.NewStore()
		cfg := func() *hsm.Key {
			k := keyOf(m)
			k.Rotate.Uses = 100
			return k
		}
		a, b := newRig(t, cfg(), storing(s, false)), newRig(t, cfg(), storing(s, false))
		uses := map[*rig]map[envelope.KeyID]int{a: {}, b: {}}
		for range 350 {
			for r, seen := range uses {
				seen[wantShape(t, r.mustSeal("v"), false).KeyID]++
			}
			if s.Size() == 2 {
				a.Flush("") // counts survive
			}
		}
		for _, seen := range uses {
			for id, n := range seen {
				if n > 100 {
					t.Errorf("%x sealed %d values in one process, at most 100", id, n)
				}
			}
		}
		if s.Size() > 5 {
			t.Errorf("%d data keys, want 4 or 5 shared ones", s.Size())
		}
		a.end()
		b.end()
	})
}

// While the store is away the data key seals on, a new one goes inline for a
// while, and nothing is lost.
func TestStoreAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, s := keycachetest.NewKMS("a"), keycachetest.NewStore()
		r := newRig(t, keyOf(m), storing(s, false))
		stored := r.mustSeal("v")
		s.Answer(time.Hour, nil) // hangs
		calls := s.Claims.Load() + s.Finds.Load() + s.Gets.Load()
		start := time.Now()
		wantShape(t, r.mustSeal("v"), false)
		r.mustOpen(stored, "v")
		if time.Since(start) != 0 || s.Claims.Load()+s.Finds.Load()+s.Gets.Load() != calls {
			t.Error("a cached data key touched the store")
		}
		time.Sleep(25 * time.Hour)
		inline := r.mustSeal("v")
		wantShape(t, inline, true)
		if wait := time.Since(start) - 25*time.Hour; wait > storeTimeout {
			t.Errorf("waited %v for a store that hangs", wait)
		}
		s.Answer(0, nil)
		time.Sleep(2 * fallbackAge)
		wantShape(t, r.mustSeal("v"), false)
		r.mustOpen(inline, "v")
		r.mustOpen(stored, "v")
		r.end()
	})
}

// With refuse, no data key begins to seal that is not stored.
func TestStoreAwayRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := keycachetest.NewStore()
		s.Answer(0, keycachetest.ErrDown)
		r := newRig(t, keyOf(keycachetest.NewKMS("a")), storing(s, true))
		_, err := r.seal("v")
		r.wantReason(err, KeyUnavailable)
		s.Answer(0, nil)
		time.Sleep(calls.WhileUnavailable.Max)
		wantShape(t, r.mustSeal("v"), false)
		r.end()
	})
}

// A store that is down is not hammered, by those who seal or open.
func TestStoreAwayIsNotHammered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, s := keycachetest.NewKMS("a"), keycachetest.NewStore()
		w := newRig(t, keyOf(m), storing(s, false))
		text := w.mustSeal("v")
		w.end()
		s.Answer(10*time.Millisecond, keycachetest.ErrDown)
		before := s.Gets.Load()
		r := newRig(t, keyOf(m), storing(s, false))
		for range 6000 {
			_, err := r.open(text)
			r.wantReason(err, KeyUnavailable)
			time.Sleep(10 * time.Millisecond)
		}
		if n := s.Gets.Load() - before; n > 30 {
			t.Errorf("%d calls in a minute's outage", n)
		}
		s.Answer(0, nil)
		time.Sleep(calls.WhileUnavailable.Max)
		r.mustOpen(text, "v")
		r.end()
	})
}

// Ids that somebody makes up cost the store no more than their allowance, and a
// repeated one a call per while.
func TestStrangersAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, s := keycachetest.NewKMS("a"), keycachetest.NewStore()
		r := newRig(t, keyOf(m), storing(s, false))
		text := r.mustSeal("v")
		h, payload, _, err := envelope.Parse(nil, text)
		if err != nil {
			t.Fatal(err)
		}
		forge := func(i int) []byte {
			sum := sha256.Sum256([]byte{byte(i), byte(i >> 8)})
			h.KeyID = envelope.KeyID(sum[:])
			return envelope.Append(nil, h, payload)
		}
		for range 100 {
			_, err := r.open(forge(0))
			r.wantReason(err, OpenFailed)
		}
		wantCount(t, "calls for one unknown id", s.Gets.Load(), 1)
		for i := range 5000 {
			if _, err := r.open(forge(i)); err == nil {
				t.Fatal("opened")
			}
		}
		if n := s.Gets.Load(); n > strangersBurst {
			t.Errorf("%d calls for 5000 unknown ids at once, want %d", n, strangersBurst)
		}
		r.mustOpen(text, "v") // whoever is known is not held up
		time.Sleep(time.Minute)
		before := s.Gets.Load()
		_, err = r.open(forge(1))
		r.wantReason(err, OpenFailed)
		wantCount(t, "calls once the allowance is back", s.Gets.Load()-before, 1)
		r.end()
	})
}

// Everybody who waits for one data key waits for one call of the store and one
// of the KMS.
func TestStoredGetIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, s := keycachetest.NewKMS("a"), keycachetest.NewStore()
		w := newRig(t, keyOf(m), storing(s, false))
		text := w.mustSeal("v")
		w.end()
		s.Answer(time.Second, nil)
		r := newRig(t, keyOf(m), storing(s, false))
		unwraps := m.Unwraps.Load()
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() { r.mustOpen(text, "v") })
		}
		wg.Wait()
		wantCount(t, "gets", s.Gets.Load(), 1)
		wantCount(t, "unwraps", m.Unwraps.Load()-unwraps, 1)
		r.end()
	})
}

// A store that lies is found out: what it holds can keep a value shut, and no
// more.
func TestStoreLies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := keycachetest.NewKMS("a")
		honest := keycachetest.NewStore()
		w := newRig(t, keyOf(m), storing(honest, false))
		text := w.mustSeal("v")
		w.end()
		other := keycachetest.NewStore()
		w = newRig(t, keyOf(m), storing(other, false))
		foreign := wantShape(t, w.mustSeal("v"), false)
		w.end()
		theirs := other.Records[foreign.KeyID]
		for name, lie := range map[string]func(envelope.Record) envelope.Record{
			"another record": func(envelope.Record) envelope.Record { return theirs },
			"another data key's wraps": func(r envelope.Record) envelope.Record {
				return envelope.Record{Commitment: r.Commitment, Wraps: theirs.Wraps}
			},
			"half a commitment": func(r envelope.Record) envelope.Record {
				r.Commitment[31] ^= 1
				return r
			},
			"a changed wrap": func(r envelope.Record) envelope.Record {
				b := bytes.Clone(r.Wraps[0].Wrapped)
				b[0] ^= 1
				return envelope.Record{Commitment: r.Commitment, Wraps: []envelope.Wrap{{ProviderID: 200, KEK: r.Wraps[0].KEK, Wrapped: b}}}
			},
			"no KEK of ours": func(r envelope.Record) envelope.Record {
				return envelope.Record{Commitment: r.Commitment, Wraps: []envelope.Wrap{{ProviderID: 200, Wrapped: []byte("x")}}}
			},
		} {
			func() {
				t.Logf("the store answers with %s", name)
				honest.Lie = lie
				defer func() { honest.Lie = nil }()
				r := newRig(t, keyOf(m), storing(honest, false))
				defer r.end()
				_, err := r.open(text)
				r.wantReason(err, OpenFailed)
				r.mustOpen(r.mustSeal("v"), "v") // under a data key that is what it says, inline if need be
			}()
		}
	})
}

// Envelopes of before the store, and with their records in them, open as ever.
func TestInlineOpensBesideAStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := keycachetest.NewKMS("a")
		text := foreign(t, 1, "v", m)[0]
		r := newRig(t, keyOf(m), storing(keycachetest.NewStore(), false))
		defer r.end()
		r.mustOpen(text, "v")
	})
}

// A process that only seals, or only opens, works by way of a store too.
func TestStoreAndUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, s := keycachetest.NewKMS("a"), keycachetest.NewStore()
		sealer := keyOf(m)
		sealer.Use = hsm.SealOnly
		w := newRig(t, sealer, storing(s, false))
		text := w.mustSeal("v")
		wantShape(t, text, false)
		w.end()
		wantCount(t, "unwraps by who only seals", m.Unwraps.Load(), 0)
		opener := keyOf(m)
		opener.Use = hsm.OpenOnly
		r := newRig(t, opener, storing(s, false))
		r.mustOpen(text, "v")
		r.end()
	})
}

// A record short of a KEK gives way, for the fleet, to one that is not.
func TestStoredDegraded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, s := keycachetest.NewKMS("a"), keycachetest.NewKMS("b"), keycachetest.NewStore()
		b.Answer(0, hsm.Unavailable)
		r := newRig(t, keyOf(a, b), storing(s, false))
		r.mustSeal("v")
		b.Answer(0, 0)
		time.Sleep(degradedAge)
		id := wantShape(t, r.mustSeal("v"), false).KeyID
		if n := len(s.Records[id].Wraps); n != 2 {
			t.Errorf("%d wraps an hour after the outage", n)
		}
		late := newRig(t, keyOf(a, b), storing(s, false))
		if got := headerOf(t, late.mustSeal("v")).KeyID; got != id {
			t.Error("a latecomer took the one that is short")
		}
		late.end()
		r.end()
	})
}

// By a real store and a real provider: what one process stores, another opens,
// after both have gone.
func TestStoredInADir(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := keycachetest.NewKMS("a")
		path := filepath.Join(t.TempDir(), "store")
		with := func() Options {
			d, err := dir.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			return storing(d, true)
		}
		w := newRig(t, keyOf(m), with())
		if err := w.Verify(t.Context()); err != nil {
			t.Fatal(err)
		}
		text := w.mustSeal("v")
		wantShape(t, text, false)
		w.end()
		r := newRig(t, keyOf(m), with())
		r.mustOpen(text, "v")
		r.end()
		without := newRig(t, keyOf(m), Options{})
		_, err := without.open(text)
		without.wantReason(err, OpenFailed)
		without.end()
	})
}
