package keycache

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"iter"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/keycache/calls"
	"github.com/sealmesh/sealmesh/keycache/source"
	"github.com/sealmesh/sealmesh/keycache/store"
	"github.com/sealmesh/sealmesh/keycache/store/dir"
)

// A shop is a store in memory, that can be slow, away, or lie.
type shop struct {
	claims, finds, gets, puts, replaces atomic.Int64

	mu    sync.Mutex
	slots map[store.Slot]envelope.Record
	keys  map[envelope.KeyID]envelope.Record
	delay time.Duration
	err   error
	lie   func(envelope.Record) envelope.Record
}

func newShop() *shop {
	return &shop{slots: map[store.Slot]envelope.Record{}, keys: map[envelope.KeyID]envelope.Record{}}
}

var errShop = errors.New("the store is away")

func (s *shop) answer(delay time.Duration, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.delay, s.err = delay, err
}

func (s *shop) do(ctx context.Context, n *atomic.Int64, f func() (envelope.Record, error)) (envelope.Record, error) {
	n.Add(1)
	s.mu.Lock()
	delay, err := s.delay, s.err
	s.mu.Unlock()
	select {
	case <-ctx.Done():
		return envelope.Record{}, ctx.Err()
	case <-time.After(delay):
	}
	if err != nil {
		return envelope.Record{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := f()
	if err == nil && s.lie != nil {
		r = s.lie(r)
	}
	return r, err
}

func (s *shop) Claim(ctx context.Context, slot store.Slot, r envelope.Record) (envelope.Record, error) {
	return s.do(ctx, &s.claims, func() (envelope.Record, error) {
		if won, ok := s.slots[slot]; ok {
			return won, nil
		}
		s.slots[slot], s.keys[r.KeyID()] = r, r
		return r, nil
	})
}

func (s *shop) Find(ctx context.Context, slot store.Slot) (envelope.Record, error) {
	return s.do(ctx, &s.finds, func() (envelope.Record, error) { return found(s.slots, slot) })
}

func (s *shop) Get(ctx context.Context, id envelope.KeyID) (envelope.Record, error) {
	return s.do(ctx, &s.gets, func() (envelope.Record, error) { return found(s.keys, id) })
}

func (s *shop) Put(ctx context.Context, r envelope.Record) (envelope.Record, error) {
	return s.do(ctx, &s.puts, func() (envelope.Record, error) {
		if there, ok := s.keys[r.KeyID()]; ok {
			return there, nil
		}
		s.keys[r.KeyID()] = r
		return r, nil
	})
}

func (s *shop) Replace(ctx context.Context, old, next envelope.Record) (envelope.Record, error) {
	return s.do(ctx, &s.replaces, func() (envelope.Record, error) {
		there, err := found(s.keys, old.KeyID())
		if err != nil || !bytes.Equal(envelope.AppendRecord(nil, there), envelope.AppendRecord(nil, old)) {
			return there, err
		}
		s.keys[old.KeyID()] = next
		for slot, r := range s.slots {
			if r.Commitment == next.Commitment {
				s.slots[slot] = next
			}
		}
		return next, nil
	})
}

func (s *shop) All(ctx context.Context) iter.Seq2[envelope.Record, error] {
	s.mu.Lock()
	defer s.mu.Unlock()
	records := slices.Collect(maps.Values(s.keys))
	return func(yield func(envelope.Record, error) bool) {
		for _, r := range records {
			if !yield(r, ctx.Err()) || ctx.Err() != nil {
				return
			}
		}
	}
}

func found[K comparable](m map[K]envelope.Record, k K) (envelope.Record, error) {
	if r, ok := m[k]; ok {
		return r, nil
	}
	return envelope.Record{}, store.ErrNotFound
}

func (s *shop) size() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.keys)
}

func (s *shop) Close() error { return nil }

func storing(s store.Store, refuse bool) Options {
	return Options{Stores: map[string]source.StoreOptions{"k": {Store: s, Refuse: refuse}}}
}

func wantShape(t testing.TB, text []byte, inline bool) envelope.Header {
	t.Helper()
	h := headerOf(t, text)
	if (h.Record != nil) != inline {
		t.Fatalf("the record is inline: %t, want %t", h.Record != nil, inline)
	}
	return h
}

// One data key serves a whole fleet, envelopes name it, and every process opens
// what every other sealed.
func TestFleetSharesADataKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const fleet = 50
		m, s := newKMS("a"), newShop()
		m.answer(20*time.Millisecond, 0)
		s.answer(5*time.Millisecond, nil)
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
		if n := s.size(); n != 1 {
			t.Errorf("%d records in the store, want 1", n)
		}
		late := newRig(t, keyOf(m), storing(s, false))
		generates := m.generates.Load()
		late.mustOpen(late.mustSeal("v"), "v")
		wantCount(t, "data keys made for a latecomer", m.generates.Load()-generates, 0)
		late.end()
		for _, r := range rigs {
			r.end()
		}
	})
}

// An envelope by id is 58 bytes longer than its value.
func TestStoredOverhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, keyOf(newKMS("a")), storing(newShop(), false))
		defer r.end()
		text := r.mustSeal("sixteen letters!")
		if len(text) != 103 {
			t.Errorf("%d characters, want 103", len(text))
		}
	})
}

// The fleet goes from one data key to the next without a wait, none seals beyond its age,
// and all of the fleet agree.
func TestStoredRotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, s := newKMS("a"), newShop()
		rigs := []*rig{newRig(t, keyOf(m), storing(s, false)), newRig(t, keyOf(m), storing(s, false))}
		for _, r := range rigs {
			r.mustSeal("v")
		}
		m.answer(100*time.Millisecond, 0)
		s.answer(100*time.Millisecond, nil)
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
		if s.size() != len(first) {
			t.Errorf("%d records, %d data keys sealed", s.size(), len(first))
		}
		for _, r := range rigs {
			r.end()
		}
	})
}

// A data key that is used up has a successor within its epoch, which others come to share.
func TestStoredGenerations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, s := newKMS("a"), newShop()
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
			if s.size() == 2 {
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
		if s.size() > 5 {
			t.Errorf("%d data keys, want 4 or 5 shared ones", s.size())
		}
		a.end()
		b.end()
	})
}

// While the store is away the data key seals on, a new one goes inline for a while,
// and nothing is lost.
func TestStoreAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, s := newKMS("a"), newShop()
		r := newRig(t, keyOf(m), storing(s, false))
		stored := r.mustSeal("v")
		s.answer(time.Hour, nil) // hangs
		calls := s.claims.Load() + s.finds.Load() + s.gets.Load()
		start := time.Now()
		wantShape(t, r.mustSeal("v"), false)
		r.mustOpen(stored, "v")
		if time.Since(start) != 0 || s.claims.Load()+s.finds.Load()+s.gets.Load() != calls {
			t.Error("a cached data key touched the store")
		}
		time.Sleep(25 * time.Hour)
		inline := r.mustSeal("v")
		wantShape(t, inline, true)
		if wait := time.Since(start) - 25*time.Hour; wait > storeTimeout {
			t.Errorf("waited %v for a store that hangs", wait)
		}
		s.answer(0, nil)
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
		s := newShop()
		s.answer(0, errShop)
		r := newRig(t, keyOf(newKMS("a")), storing(s, true))
		_, err := r.seal("v")
		r.wantReason(err, KeyUnavailable)
		s.answer(0, nil)
		time.Sleep(calls.WhileUnavailable.Max)
		wantShape(t, r.mustSeal("v"), false)
		r.end()
	})
}

// A store that is down is not hammered, by those who seal or open.
func TestStoreAwayIsNotHammered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, s := newKMS("a"), newShop()
		w := newRig(t, keyOf(m), storing(s, false))
		text := w.mustSeal("v")
		w.end()
		s.answer(10*time.Millisecond, errShop)
		before := s.gets.Load()
		r := newRig(t, keyOf(m), storing(s, false))
		for range 6000 {
			_, err := r.open(text)
			r.wantReason(err, KeyUnavailable)
			time.Sleep(10 * time.Millisecond)
		}
		if n := s.gets.Load() - before; n > 30 {
			t.Errorf("%d calls in a minute's outage", n)
		}
		s.answer(0, nil)
		time.Sleep(calls.WhileUnavailable.Max)
		r.mustOpen(text, "v")
		r.end()
	})
}

// Ids that somebody makes up cost the store no more than their allowance, and a
// repeated one a call per while.
func TestStrangersAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, s := newKMS("a"), newShop()
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
		wantCount(t, "calls for one unknown id", s.gets.Load(), 1)
		for i := range 5000 {
			if _, err := r.open(forge(i)); err == nil {
				t.Fatal("opened")
			}
		}
		if n := s.gets.Load(); n > strangersBurst {
			t.Errorf("%d calls for 5000 unknown ids at once, want %d", n, strangersBurst)
		}
		r.mustOpen(text, "v") // whoever is known is not held up
		time.Sleep(time.Minute)
		before := s.gets.Load()
		_, err = r.open(forge(1))
		r.wantReason(err, OpenFailed)
		wantCount(t, "calls once the allowance is back", s.gets.Load()-before, 1)
		r.end()
	})
}

// Everybody who waits for one data key waits for one call of the store and one of the KMS.
func TestStoredGetIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, s := newKMS("a"), newShop()
		w := newRig(t, keyOf(m), storing(s, false))
		text := w.mustSeal("v")
		w.end()
		s.answer(time.Second, nil)
		r := newRig(t, keyOf(m), storing(s, false))
		unwraps := m.unwraps.Load()
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() { r.mustOpen(text, "v") })
		}
		wg.Wait()
		wantCount(t, "gets", s.gets.Load(), 1)
		wantCount(t, "unwraps", m.unwraps.Load()-unwraps, 1)
		r.end()
	})
}

// A store that lies is found out: what it holds can keep a value shut, and no more.
func TestStoreLies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newKMS("a")
		honest := newShop()
		w := newRig(t, keyOf(m), storing(honest, false))
		text := w.mustSeal("v")
		w.end()
		other := newShop()
		w = newRig(t, keyOf(m), storing(other, false))
		foreign := wantShape(t, w.mustSeal("v"), false)
		w.end()
		theirs := other.keys[foreign.KeyID]
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
				honest.lie = lie
				defer func() { honest.lie = nil }()
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
		m := newKMS("a")
		text := foreign(t, 1, "v", m)[0]
		r := newRig(t, keyOf(m), storing(newShop(), false))
		defer r.end()
		r.mustOpen(text, "v")
	})
}

// A process that only seals, or only opens, works by way of a store too.
func TestStoreAndUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, s := newKMS("a"), newShop()
		sealer := keyOf(m)
		sealer.Use = hsm.SealOnly
		w := newRig(t, sealer, storing(s, false))
		text := w.mustSeal("v")
		wantShape(t, text, false)
		w.end()
		wantCount(t, "unwraps by who only seals", m.unwraps.Load(), 0)
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
		a, b, s := newKMS("a"), newKMS("b"), newShop()
		b.answer(0, hsm.Unavailable)
		r := newRig(t, keyOf(a, b), storing(s, false))
		r.mustSeal("v")
		b.answer(0, 0)
		time.Sleep(degradedAge)
		id := wantShape(t, r.mustSeal("v"), false).KeyID
		if n := len(s.keys[id].Wraps); n != 2 {
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
		m := newKMS("a")
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
