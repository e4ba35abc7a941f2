package keycache

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/suite"
	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/keycache/keycachetest"
	"github.com/sealmesh/sealmesh/keycache/keyuse"
)

// named returns a key of that name under m.
func named(name string, m *keycachetest.KMS) *hsm.Key {
	k := keyOf(m)
	k.Name = name
	return k
}

func ringOf(t *testing.T, keys ...*hsm.Key) *hsm.Keyring {
	t.Helper()
	ring, err := hsm.NewKeyring(keys...)
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

// roundTrip seals and opens a value under a key of c.
func roundTrip(t *testing.T, c *Cache, key string) {
	t.Helper()
	tag, err := c.Tag("pii", key, suite.XAES256GCM, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := c.Session(t.Context(), keyuse.Exchange{Route: "r", Direction: "request"})
	defer s.Close(nil)
	text, err := s.Seal(nil, tag, codec.Text, []byte("v"))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Open(nil, tag, text); err != nil {
		t.Fatal(err)
	}
}

// A key that is kept asks its KMS nothing, and lives as long as one of the two
// caches.
func TestNextKeeps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, b2 := keycachetest.NewKMS("a"), keycachetest.NewKMS("b"), keycachetest.NewKMS("b2")
		r := newRig(t, named("k", a), Options{})
		if err := r.add(ringOf(t, named("b", b)), nil); err != nil {
			t.Fatal(err)
		}
		roundTrip(t, r.Cache, "k")
		roundTrip(t, r.Cache, "b")
		next, err := r.Next(ringOf(t, named("b", b2)), nil, "k")
		if err != nil {
			t.Fatal(err)
		}
		roundTrip(t, next, "k")
		roundTrip(t, next, "b")
		roundTrip(t, r.Cache, "b") // an exchange in flight
		wantCount(t, "calls for the key that is kept", a.Generates.Load()+a.Unwraps.Load(), 1)
		wantCount(t, "calls for the old key", b.Generates.Load()+b.Unwraps.Load(), 1)
		wantCount(t, "calls for the new key", b2.Generates.Load()+b2.Unwraps.Load(), 1)

		old := r.Cache.keys["b"]
		_ = r.Close()
		_ = r.Close() // once more costs nobody a key
		wantCount(t, "entries of the old key", int64(old.Keys.Len()), 0)
		roundTrip(t, next, "k")
		time.Sleep(DefaultSoft) // the kept key is still verified
		if n := a.Unwraps.Load(); n == 0 {
			t.Error("a kept key is no longer verified once its first cache is closed")
		}
		_ = next.Close()
		wantCount(t, "entries of the kept key", int64(next.keys["k"].Keys.Len()), 0)
		calls := a.Unwraps.Load()
		time.Sleep(2 * DefaultSoft)
		wantCount(t, "calls after the end", a.Unwraps.Load(), calls)
		r.end()
	})
}

// A Next that fails leaves both what they were.
func TestNextFails(t *testing.T) {
	m := keycachetest.NewKMS("a")
	r := newRig(t, named("k", m), Options{})
	if _, err := r.Next(ringOf(t), nil, "absent"); err == nil {
		t.Error("kept a key that is not there")
	}
	if _, err := r.Next(ringOf(t, named("k", m)), nil, "k"); err == nil {
		t.Error("kept a key, and made it")
	}
	roundTrip(t, r.Cache, "k")
	r.end()
	wantCount(t, "caches that have the key", r.keys["k"].caches.Load(), 0)
}

// What one cache may hold, both may hold together.
func TestNextSharesLimits(t *testing.T) {
	m := keycachetest.NewKMS("a")
	texts := foreign(t, 4, "v", m)
	r := newRig(t, keyOf(m), Options{MaxKeys: 2})
	for _, text := range texts {
		r.mustOpen(text, "v")
	}
	next, err := r.Next(ringOf(t, named("other", m)), nil, "k")
	if err != nil {
		t.Fatal(err)
	}
	if n := next.keys["k"].Keys.Len(); n != 2 || next.shared != r.shared {
		t.Errorf("%d entries", n)
	}
	_ = next.Close()
	r.end()
}
