package rewrap

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/codec/suite"
	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/keycache"
	"github.com/sealmesh/sealmesh/keycache/keycachetest"
	"github.com/sealmesh/sealmesh/keycache/keyuse"
	"github.com/sealmesh/sealmesh/keycache/source"
)

// rewrapStore renews every record in the one store of r's keys, and counts how
// that went.
func (r *rig) rewrapStore(drop ...string) map[Status]int {
	r.t.Helper()
	all, err := Stores(r.Cache, Options{Drop: drop})
	if err != nil || len(all) != 1 {
		r.t.Fatalf("%d stores, %v", len(all), err)
	}
	n := map[Status]int{}
	for record, err := range all[0].Records(r.t.Context()) {
		if err != nil {
			r.t.Fatal(err)
		}
		what, err := all[0].Rewrap(r.t.Context(), record)
		if err != nil {
			r.t.Fatal(err)
		}
		n[what]++
	}
	return n
}

// filled returns envelopes by id, each under a data key of its own in s.
func filled(t *testing.T, s *keycachetest.Store, n int, kmss ...*keycachetest.KMS) (texts [][]byte) {
	t.Helper()
	for range n {
		text := foreign(t, 1, "v", kmss...)[0]
		r := newRig(t, keyOf(kmss...), storing(s, true))
		_, shorten := r.rewrapper(ByID)
		texts = append(texts, shorten(text, Outdated))
		r.end()
	}
	return texts
}

// A KEK is retired: records in the store move to the other, each at the cost of
// its calls once, and what was sealed before opens without the old one.
func TestRewrapStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old, fresh, s := keycachetest.NewKMS("old"), keycachetest.NewKMS("new"), keycachetest.NewStore()
		texts := filled(t, s, 5, old)
		w := newRig(t, keyOf(old), storing(s, true))
		texts = append(texts, w.mustSeal("v")) // in a slot
		w.end()
		unwraps := old.Unwraps.Load()
		r := newRig(t, keyOf(fresh, old), storing(s, true))
		if n := r.rewrapStore("mem:old"); n[Outdated] != 6 || len(n) != 1 {
			t.Errorf("first: %v", n)
		}
		wantCount(t, "unwraps by the old KEK", old.Unwraps.Load()-unwraps, 6)
		wantCount(t, "wraps by the new KEK", fresh.Wraps.Load(), 6)
		if n := r.rewrapStore("mem:old"); n[Current] != 6 || len(n) != 1 {
			t.Errorf("again: %v", n)
		}
		wantCount(t, "calls for what is as it should be", old.Unwraps.Load()-unwraps+fresh.Wraps.Load(), 12)
		if uses := r.end(); len(uses) != 6 {
			t.Errorf("%d key uses, want one for each data key", len(uses))
		}
		old.Answer(0, hsm.Denied)
		after := newRig(t, keyOf(fresh), storing(s, true))
		for _, text := range texts {
			after.mustOpen(text, "v")
		}
		after.end()
	})
}

// Keys that share a store and a KEK are told apart by what their context
// unwraps.
func TestRewrapStoreOfTwoKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old, fresh, s := keycachetest.NewKMS("old"), keycachetest.NewKMS("new"), keycachetest.NewStore()
		keys := func(kmss ...*keycachetest.KMS) []*hsm.Key {
			a, b := keyOf(kmss...), keyOf(kmss...)
			b.Name = "l"
			var err error
			if b.Context, err = hsm.NewEncryptionContext(map[string]string{"service": "other"}); err != nil {
				t.Fatal(err)
			}
			return []*hsm.Key{a, b}
		}
		rec, err := keyuse.Open(keyuse.Options{Getenv: keycachetest.ToConsole, Console: new(keycachetest.Console)})
		if err != nil {
			t.Fatal(err)
		}
		with := func(use func(*keycache.Cache), kmss ...*keycachetest.KMS) {
			ring, err := hsm.NewKeyring(keys(kmss...)...)
			if err != nil {
				t.Fatal(err)
			}
			c, err := keycache.New(ring, keycache.Options{Recorder: rec, Stores: map[string]source.StoreOptions{"k": {Store: s, Refuse: true}, "l": {Store: s, Refuse: true}}})
			if err != nil {
				t.Fatal(err)
			}
			use(c)
			if err := c.Close(); err != nil {
				t.Fatal(err)
			}
		}
		sealed := map[string][]byte{}
		each := func(do func(*keycache.Session, *keycache.Tag, string) error) func(*keycache.Cache) {
			return func(c *keycache.Cache) {
				for _, name := range []string{"k", "l"} {
					tag, err := c.Tag("pii", name, suite.XAES256GCM, nil)
					if err != nil {
						t.Fatal(err)
					}
					session := c.Session(t.Context(), keyuse.Exchange{})
					if err := errors.Join(do(session, tag, name), session.Close(nil)); err != nil {
						t.Errorf("key %s: %v", name, err)
					}
				}
			}
		}
		with(each(func(s *keycache.Session, tag *keycache.Tag, name string) (err error) {
			sealed[name], err = s.Seal(nil, tag, codec.Text, []byte("v"))
			return err
		}), old)
		with(func(c *keycache.Cache) {
			r := &rig{Cache: c, t: t}
			if n := r.rewrapStore("mem:old"); n[Outdated] != 2 || len(n) != 1 {
				t.Errorf("first: %v", n)
			}
			if n := r.rewrapStore("mem:old"); n[Current] != 2 || len(n) != 1 {
				t.Errorf("again: %v", n)
			}
		}, fresh, old)
		with(each(func(s *keycache.Session, tag *keycache.Tag, name string) error {
			_, _, err := s.Open(nil, tag, sealed[name])
			return err
		}), fresh)
		if err := rec.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

// Two runs and a fleet that seals and opens at one store do each other no harm.
func TestRewrapStoreInUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old, fresh, s := keycachetest.NewKMS("old"), keycachetest.NewKMS("new"), keycachetest.NewStore()
		texts := filled(t, s, 20, old)
		var wg sync.WaitGroup
		var sealed [4][][]byte
		for i := range sealed {
			r := newRig(t, keyOf(fresh, old), storing(s, true))
			wg.Go(func() {
				defer r.end()
				for _, text := range texts {
					r.mustOpen(text, "v")
					r.Flush("")
					sealed[i] = append(sealed[i], r.mustSeal("v"))
				}
			})
		}
		for range 2 {
			r := newRig(t, keyOf(fresh, old), storing(s, true))
			wg.Go(func() {
				defer r.end()
				for range 3 {
					r.rewrapStore("mem:old")
				}
			})
		}
		wg.Wait()
		last := newRig(t, keyOf(fresh, old), storing(s, true))
		last.rewrapStore("mem:old")
		last.end()
		after := newRig(t, keyOf(fresh), storing(s, true))
		for _, texts := range append(sealed[:], texts) {
			for _, text := range texts {
				after.mustOpen(text, "v")
			}
		}
		after.end()
	})
}

// A record that another run changed meanwhile is looked at again, not
// overwritten.
func TestRewrapStoreMeetsAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old, fresh, third, s := keycachetest.NewKMS("old"), keycachetest.NewKMS("new"), keycachetest.NewKMS("third"), keycachetest.NewStore()
		text := filled(t, s, 1, old)[0]
		id := headerOf(t, text).KeyID
		before := s.Records[id]
		r := newRig(t, keyOf(third, old), storing(s, true))
		r.rewrapStore() // third joins
		r.end()
		r = newRig(t, keyOf(fresh, old), storing(s, true))
		all, err := Stores(r.Cache, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if what, err := all[0].Rewrap(t.Context(), before); err != nil || what != Outdated {
			t.Errorf("%v, %v", what, err)
		}
		wantCount(t, "replaces", s.Replaces.Load(), 3) // third's, one that found another record, one that took
		r.end()
		after := newRig(t, keyOf(fresh), storing(s, true))
		after.mustOpen(text, "v")
		after.end()
	})
}

// What cannot be renewed stays as it is.
func TestRewrapStoreFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old, fresh, s := keycachetest.NewKMS("old"), keycachetest.NewKMS("new"), keycachetest.NewStore()
		text := filled(t, s, 1, old)[0]
		id := headerOf(t, text).KeyID
		before := s.Records[id]
		r := newRig(t, keyOf(fresh, old), storing(s, true))
		defer r.end()
		all, err := Stores(r.Cache, Options{Drop: []string{"mem:old"}})
		if err != nil {
			t.Fatal(err)
		}
		for name, c := range map[string]struct {
			fail func(hsm.Class)
			want keycache.Reason
		}{
			"old KEK": {func(c hsm.Class) { old.Answer(0, c) }, keycache.KeyUnavailable},
			"new KEK": {func(c hsm.Class) { fresh.Answer(0, c) }, keycache.KeyUnavailable},
			"store": {func(c hsm.Class) {
				if s.Answer(0, nil); c != 0 {
					s.Answer(0, keycachetest.ErrDown)
				}
			}, keycache.KeyUnavailable},
		} {
			c.fail(hsm.Unavailable)
			_, err := all[0].Rewrap(t.Context(), before)
			r.wantReason(err, c.want)
			c.fail(0)
			if !equal(s.Records[id], before) {
				t.Errorf("%s: the record changed", name)
			}
			r.Flush("") // opens the gates
		}
		forged := envelope.Record{Commitment: before.Commitment, Wraps: []envelope.Wrap{{ProviderID: 200, KEK: old.KEK().Ref(), Wrapped: []byte("x")}}}
		_, err = all[0].Rewrap(t.Context(), forged)
		r.wantReason(err, keycache.OpenFailed)
		if _, err := Stores(r.Cache, Options{Drop: []string{"mem:other"}}); err == nil {
			t.Error("a KEK that no key has: no error")
		}
		if _, err := Stores(r.Cache, Options{Drop: []string{"mem:old", "mem:new"}}); err == nil {
			t.Error("no KEK left: no error")
		}
		without := newRig(t, keyOf(old), keycache.Options{})
		defer without.end()
		if _, err := Stores(without.Cache, Options{}); err == nil {
			t.Error("no key with a store: no error")
		}
	})
}

// A survey counts what a run would do, and asks no KEK and changes nothing.
func TestRewrapStoreSurvey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old, fresh, stranger, s := keycachetest.NewKMS("old"), keycachetest.NewKMS("new"), keycachetest.NewKMS("stranger"), keycachetest.NewStore()
		filled(t, s, 2, old)
		filled(t, s, 1, stranger)
		asked := old.Unwraps.Load()
		r := newRig(t, keyOf(fresh, old), storing(s, true))
		defer r.end()
		all, err := Stores(r.Cache, Options{Drop: []string{"mem:old"}})
		if err != nil {
			t.Fatal(err)
		}
		calls, n := 0, map[Status]int{}
		for range 2 {
			for record, err := range all[0].Records(context.Background()) {
				if err != nil {
					t.Fatal(err)
				}
				survey := all[0].Survey(record)
				calls += survey.Calls
				n[survey.Status]++
			}
		}
		if calls != 4 || n[Outdated] != 4 || n[Unrelated] != 2 {
			t.Errorf("%d calls, %v", calls, n)
		}
		wantCount(t, "calls made", old.Unwraps.Load()-asked+fresh.Wraps.Load()+s.Replaces.Load(), 0)
	})
}
