package rewrap

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/keycache"
	"github.com/sealmesh/sealmesh/keycache/keycachetest"
)

// Every KEK wraps again, each data key at the cost that a survey foresees, and
// the first of its envelopes pays.
func TestRenew(t *testing.T) {
	x, y := keycachetest.NewKMS("x"), keycachetest.NewKMS("y")
	texts := foreign(t, 2, "v", x, y)
	calls := func() int64 { return x.Wraps.Load() + y.Wraps.Load() + x.Unwraps.Load() + y.Unwraps.Load() }
	r := newRig(t, keyOf(x, y), keycache.Options{})
	w, err := New(r.Cache, "k", AsIs, Options{Renew: true})
	if err != nil {
		t.Fatal(err)
	}
	before, foreseen := calls(), 0
	for range 2 {
		for _, text := range texts {
			s, err := w.Survey(t.Context(), text)
			if err != nil {
				t.Fatal(err)
			}
			foreseen += s.Calls
			got, what, err := w.Rewrap(t.Context(), nil, text)
			if err != nil || what != Outdated {
				t.Fatalf("%v, %v", what, err)
			}
			sameButRecord(t, text, got)
			old, renewed := recordIn(t, text), recordIn(t, got)
			for i := range old.Wraps {
				if string(old.Wraps[i].Wrapped) == string(renewed.Wraps[i].Wrapped) {
					t.Error("a wrap is as it was")
				}
			}
			r.mustOpen(got, "v")
		}
	}
	r.end()
	if made := calls() - before; foreseen != 10 || made != 10+2 { // mustOpen unwraps each data key once
		t.Errorf("%d calls foreseen, %d made", foreseen, made)
	}
}

func TestRenewStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x, s := keycachetest.NewKMS("x"), keycachetest.NewStore()
		text := filled(t, s, 1, x)[0]
		id := headerOf(t, text).KeyID
		before := s.Records[id]
		r := newRig(t, keyOf(x), storing(s, true))
		all, err := Stores(r.Cache, Options{Renew: true})
		if err != nil {
			t.Fatal(err)
		}
		if what, err := all[0].Rewrap(t.Context(), before); what != Outdated || err != nil {
			t.Fatalf("%v, %v", what, err)
		}
		if equal(s.Records[id], before) {
			t.Error("the record is as it was")
		}
		r.mustOpen(text, "v")
		r.end()
	})
}

// forgetful wraps to what it cannot unwrap.
type forgetful struct{ hsm.Provider }

func (forgetful) WrapDataKey(context.Context, *hsm.Secret, hsm.EncryptionContext) ([]byte, error) {
	return []byte("garbage"), nil
}

// A new wrap that does not open takes no other's place.
func TestRenewProves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x, s := keycachetest.NewKMS("x"), keycachetest.NewStore()
		text := filled(t, s, 1, x)[0]
		id := headerOf(t, text).KeyID
		before := s.Records[id]
		key := keyOf(x)
		key.KEKs[0].Provider = forgetful{x}
		r := newRig(t, key, storing(s, true))
		defer r.end()
		all, err := Stores(r.Cache, Options{Renew: true})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := all[0].Rewrap(t.Context(), before); err == nil {
			t.Error("a wrap that does not open is taken")
		}
		if !equal(s.Records[id], before) {
			t.Error("the record has changed")
		}
	})
}

func recordIn(t *testing.T, text []byte) envelope.Record {
	t.Helper()
	record, err := envelope.ParseRecord(headerOf(t, text).Record)
	if err != nil {
		t.Fatal(err)
	}
	return record
}
