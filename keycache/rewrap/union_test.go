package rewrap

import (
	"errors"
	"slices"
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

// keyNamed returns a key of that name, of the context that keyOf gives.
func keyNamed(name string, kmss ...*keycachetest.KMS) *hsm.Key {
	k := keyOf(kmss...)
	k.Name, k.Quorum = name, len(kmss)
	return k
}

// withKeys runs use with a cache of keys that share one store.
func withKeys(t *testing.T, s *keycachetest.Store, use func(*rig), keys ...*hsm.Key) {
	t.Helper()
	rec, err := keyuse.Open(keyuse.Options{Getenv: keycachetest.ToConsole, Console: new(keycachetest.Console)})
	if err != nil {
		t.Fatal(err)
	}
	ring, err := hsm.NewKeyring(keys...)
	if err != nil {
		t.Fatal(err)
	}
	stores := map[string]source.StoreOptions{}
	for _, k := range keys {
		stores[k.Name] = source.StoreOptions{Store: s, Refuse: true}
	}
	c, err := keycache.New(ring, keycache.Options{Recorder: rec, Stores: stores})
	if err != nil {
		t.Fatal(err)
	}
	use(&rig{Cache: c, t: t})
	if err := errors.Join(c.Close(), rec.Close(t.Context())); err != nil {
		t.Fatal(err)
	}
}

// under seals "v" with a key, or opens text with it.
func (r *rig) under(key string, text []byte) []byte {
	r.t.Helper()
	tag, err := r.Tag("pii", key, suite.XAES256GCM, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	s := r.Session(r.t.Context(), keyuse.Exchange{})
	if text == nil {
		text, err = s.Seal(nil, tag, codec.Text, []byte("v"))
	} else if got, _, failed := s.Open(nil, tag, text); failed != nil || string(got) != "v" {
		err = errors.Join(failed, errors.New("opened to "+string(got)))
	}
	if err := errors.Join(err, s.Close(nil)); err != nil {
		r.t.Errorf("key %s: %v", key, err)
	}
	return text
}

// Key a has KEK x, key b has x and y, of one context and in one store: a run
// must not take y from b's record because a, which has no y, unwraps it too.
func TestRewrapKeepsTheKEKsOfEveryOwner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x, y, s := keycachetest.NewKMS("x"), keycachetest.NewKMS("y"), keycachetest.NewStore()
		var text []byte
		withKeys(t, s, func(r *rig) {
			text = r.under("b", nil)
			for range 2 {
				if n := r.rewrapStore(); n[Current] != 1 || len(n) != 1 {
					t.Errorf("%v", n)
				}
			}
			if n := len(s.Records[headerOf(t, text).KeyID].Wraps); n != 2 {
				t.Errorf("%d wraps are left of 2", n)
			}
		}, keyNamed("a", x), keyNamed("b", x, y))
		x.Answer(0, hsm.Unavailable)
		withKeys(t, s, func(r *rig) { r.under("b", text) }, keyNamed("b", x, y))
	})
}

// A record of either key gets the KEKs of both, since nobody knows whose it is,
// and of a third that shares a KEK with the second. A key of another context,
// or without a KEK in common, owns no such record.
func TestRewrapUnitesOwners(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x, y, z, far, s := keycachetest.NewKMS("x"), keycachetest.NewKMS("y"), keycachetest.NewKMS("z"), keycachetest.NewKMS("far"), keycachetest.NewStore()
		other := keyNamed("other", x, far)
		var err error
		if other.Context, err = hsm.NewEncryptionContext(map[string]string{"service": "other"}); err != nil {
			t.Fatal(err)
		}
		var text []byte
		withKeys(t, s, func(r *rig) { text = r.under("a", nil) }, keyNamed("a", x))
		withKeys(t, s, func(r *rig) {
			if n := r.rewrapStore(); n[Outdated] != 1 || len(n) != 1 {
				t.Errorf("first: %v", n)
			}
			if n := r.rewrapStore(); n[Current] != 1 || len(n) != 1 {
				t.Errorf("again: %v", n)
			}
		}, keyNamed("a", x), keyNamed("b", x, y), keyNamed("c", y, z), keyNamed("d", far), other)
		if n := len(s.Records[headerOf(t, text).KeyID].Wraps); n != 3 {
			t.Errorf("%d wraps, not those by x, y and z", n)
		}
		x.Answer(0, hsm.Unavailable)
		y.Answer(0, hsm.Unavailable)
		withKeys(t, s, func(r *rig) { r.under("c", text) }, keyNamed("c", y, z))
	})
}

// Only --drop takes a wrap away, and from every owner's record.
func TestRewrapDropsFromEveryOwner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x, y, s := keycachetest.NewKMS("x"), keycachetest.NewKMS("y"), keycachetest.NewStore()
		keys := func() []*hsm.Key { return []*hsm.Key{keyNamed("a", x, y), keyNamed("b", x, y)} }
		var text []byte
		withKeys(t, s, func(r *rig) {
			text = r.under("b", nil)
			if n := r.rewrapStore("mem:x"); n[Outdated] != 1 || len(n) != 1 {
				t.Errorf("%v", n)
			}
		}, keys()...)
		x.Answer(0, hsm.Denied)
		withKeys(t, s, func(r *rig) { r.under("b", text) }, keys()[1])
		if n := len(s.Records[headerOf(t, text).KeyID].Wraps); n != 1 {
			t.Errorf("%d wraps, not y's alone", n)
		}
	})
}

// A wrap by a KEK that the policy does not name stays, in envelopes, in stores,
// and when an envelope's record meets the store's.
func TestRewrapKeepsOtherWraps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x, y, fresh, s := keycachetest.NewKMS("x"), keycachetest.NewKMS("y"), keycachetest.NewKMS("fresh"), keycachetest.NewStore()
		text := foreign(t, 1, "v", x, y)[0]
		inline := newRig(t, keyOf(fresh, x), keycache.Options{})
		w, err := New(inline.Cache, "k", AsIs, Options{Drop: []string{"mem:x"}})
		if err != nil {
			t.Fatal(err)
		}
		moved, what, err := w.Rewrap(t.Context(), nil, text)
		if err != nil || what != Outdated {
			t.Fatalf("%v, %v", what, err)
		}
		inline.end()

		stored := newRig(t, keyOf(x), storing(s, true))
		_, shorten := stored.rewrapper(ByID)
		shorten(text, Outdated) // the store has the wraps of x and y
		stored.end()
		joined := newRig(t, keyOf(fresh, x), storing(s, true))
		_, shorten = joined.rewrapper(ByID, "mem:x")
		byID := shorten(withoutWrap(t, moved, y), Outdated)
		joined.end()

		for name, m := range map[string]*keycachetest.KMS{"fresh": fresh, "y": y} {
			after := newRig(t, keyOf(m), storing(s, true))
			t.Logf("with the KEK %s alone", name)
			after.mustOpen(moved, "v")
			after.mustOpen(byID, "v")
			after.end()
		}
	})
}

// withoutWrap returns text without the wrap of m in its record.
func withoutWrap(t *testing.T, text []byte, m *keycachetest.KMS) []byte {
	t.Helper()
	return withRecord(t, text, func(r *envelope.Record) {
		r.Wraps = slices.DeleteFunc(r.Wraps, func(w envelope.Wrap) bool { return w.KEK == m.KEK().Ref() })
	})
}
