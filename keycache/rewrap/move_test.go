package rewrap

import (
	"testing"
	"testing/synctest"

	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/keycache"
	"github.com/sealmesh/sealmesh/keycache/keks"
	"github.com/sealmesh/sealmesh/keycache/keycachetest"
)

// rewrapper returns one of r's key, and a function that rewraps one envelope.
func (r *rig) rewrapper(to KeyReference, drop ...string) (*Rewrapper, func(text []byte, want Status) []byte) {
	r.t.Helper()
	w, err := New(r.Cache, "k", to, Options{Drop: drop})
	if err != nil {
		r.t.Fatal(err)
	}
	return w, func(text []byte, want Status) []byte {
		r.t.Helper()
		if s, err := w.Survey(r.t.Context(), text); err != nil || s.Status != want {
			r.t.Fatalf("survey: %v, %v; want %v", s.Status, err, want)
		}
		got, what, err := w.Rewrap(r.t.Context(), nil, text)
		if err != nil || what != want {
			r.t.Fatalf("rewrap: %v, %v; want %v", what, err, want)
		}
		if what != Outdated && string(got) != string(text) {
			r.t.Fatal("it changed where nothing was to do")
		}
		sameButRecord(r.t.(*testing.T), text, got)
		return got
	}
}

// Envelopes go into the store and out again, each data key at the cost of one
// call, and open in every form.
func TestMoveToStoreAndBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, s := keycachetest.NewKMS("a"), keycachetest.NewStore()
		texts := foreign(t, 3, "v", m)
		r := newRig(t, keyOf(m), storing(s, false))
		_, shorten := r.rewrapper(ByID)
		_, fill := r.rewrapper(Inline)
		var back [][]byte
		for range 2 {
			for _, text := range texts {
				short := shorten(text, Outdated)
				wantShape(t, short, false)
				if len(short) >= len(text) {
					t.Error("no shorter by id")
				}
				shorten(short, Elsewhere)
				after := newRig(t, keyOf(m), storing(s, true))
				after.mustOpen(short, "v")
				after.end()
				long := fill(short, Outdated)
				if string(long) != string(text) {
					t.Error("there and back: another envelope")
				}
				fill(long, Current)
				back = append(back, long)
			}
		}
		if s.Size() != 3 {
			t.Errorf("%d records in the store, want 3", s.Size())
		}
		wantCount(t, "puts", s.Puts.Load(), 3)
		uses := r.end()
		if len(uses) != 6 {
			t.Errorf("%d key uses, want one for each data key and way", len(uses))
		}
		without := newRig(t, keyOf(m), keycache.Options{}) // the store is gone
		for _, text := range back {
			without.mustOpen(text, "v")
		}
		without.end()
	})
}

// A move and a change of KEKs are one step.
func TestMoveUnderAnotherKEK(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old, fresh, s := keycachetest.NewKMS("old"), keycachetest.NewKMS("new"), keycachetest.NewStore()
		text := foreign(t, 1, "v", old)[0]
		r := newRig(t, keyOf(fresh, old), storing(s, false))
		_, shorten := r.rewrapper(ByID, "mem:old")
		short := shorten(text, Outdated)
		r.end()
		after := newRig(t, keyOf(fresh), storing(s, true))
		after.mustOpen(short, "v")
		_, fill := after.rewrapper(Inline)
		after.mustOpen(fill(short, Outdated), "v")
		after.end()
	})
}

// A record that is in the store already, under the KEK that is to go, does not
// keep the envelope dependent on that.
func TestMoveToAnOutdatedRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old, fresh, s := keycachetest.NewKMS("old"), keycachetest.NewKMS("new"), keycachetest.NewStore()
		text := foreign(t, 1, "v", old)[0]
		r := newRig(t, keyOf(old), storing(s, false))
		_, shorten := r.rewrapper(ByID)
		shorten(text, Outdated)
		r.end()
		r = newRig(t, keyOf(fresh, old), storing(s, false))
		_, shorten = r.rewrapper(ByID, "mem:old")
		short := shorten(text, Outdated)
		r.end()
		after := newRig(t, keyOf(fresh), storing(s, true))
		after.mustOpen(short, "v")
		after.end()
	})
}

// What the store does not have, or has of another key, stays by id.
func TestInlineOfWhatIsNotThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, stranger, s := keycachetest.NewKMS("a"), keycachetest.NewKMS("b"), keycachetest.NewStore()
		other := keycachetest.NewStore()
		w := newRig(t, keyOf(m), storing(other, false))
		missing := w.mustSeal("v")
		w.end()
		w = newRig(t, keyOf(stranger), storing(s, false))
		theirs := w.mustSeal("v")
		w.end()
		r := newRig(t, keyOf(m), storing(s, false))
		defer r.end()
		_, fill := r.rewrapper(Inline)
		fill(missing, Elsewhere)
		gets := s.Gets.Load()
		for range 2 * 256 {
			fill(missing, Elsewhere)
		}
		wantCount(t, "gets of what was looked for before", s.Gets.Load()-gets, 0)
		fill(theirs, Unrelated)
	})
}

// An envelope is shortened only if its record, or one as good, is in the store.
func TestMoveLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, old := keycachetest.NewKMS("a"), keycachetest.NewKMS("old")
		text := foreign(t, 1, "v", m)[0]
		h := headerOf(t, text)
		mine, err := envelope.ParseRecord(h.Record)
		if err != nil {
			t.Fatal(err)
		}
		theirs := headerOf(t, foreign(t, 1, "v", m)[0]).Record
		another, err := envelope.ParseRecord(theirs)
		if err != nil {
			t.Fatal(err)
		}
		half, garbage := mine, mine
		half.Commitment[31] ^= 1
		garbage.Wraps = another.Wraps
		for name, there := range map[string]envelope.Record{
			"another commitment": half, "wraps of another data key": garbage, "wraps of a KEK that is not ours": {Commitment: mine.Commitment, Wraps: []envelope.Wrap{{ProviderID: 200, KEK: old.KEK().Ref(), Wrapped: []byte("x")}}},
		} {
			s := keycachetest.NewStore()
			s.Records[h.KeyID] = there
			r := newRig(t, keyOf(m), storing(s, false))
			w, _ := r.rewrapper(ByID)
			got, _, err := w.Rewrap(t.Context(), nil, text)
			if r.wantReason(err, keycache.OpenFailed); len(got) != 0 {
				t.Errorf("%s: something came of it", name)
			}
			r.mustOpen(text, "v")
			r.end()
		}
		s := keycachetest.NewStore()
		s.Answer(0, keycachetest.ErrDown)
		r := newRig(t, keyOf(m), storing(s, false))
		defer r.end()
		w, _ := r.rewrapper(ByID)
		_, _, err = w.Rewrap(t.Context(), nil, text)
		r.wantReason(err, keycache.KeyUnavailable)
	})
}

// A record that does not unwrap gets into no store: it would stand in the way
// of the true one.
func TestForgedRecordIsNotStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, s := keycachetest.NewKMS("a"), keycachetest.NewStore()
		text := foreign(t, 1, "v", m)[0]
		forged := withRecord(t, text, func(r *envelope.Record) { r.Commitment[31] ^= 1 }) // the same id
		r := newRig(t, keyOf(m), storing(s, false))
		defer r.end()
		w, shorten := r.rewrapper(ByID)
		_, _, err := w.Rewrap(t.Context(), nil, forged)
		r.wantReason(err, keycache.OpenFailed)
		if s.Size() != 0 {
			t.Error("it is in the store")
		}
		r.mustOpen(shorten(text, Outdated), "v")
	})
}

// A wrap that is kept is proven first: one that is damaged is made anew before
// the KEK that could still unwrap the data key goes.
func TestKeptWrapsAreProven(t *testing.T) {
	old, kept := keycachetest.NewKMS("old"), keycachetest.NewKMS("kept")
	text := foreign(t, 1, "v", old, kept)[0]
	damaged := withRecord(t, text, func(r *envelope.Record) { r.Wraps[1].Wrapped[0] ^= 1 })
	r := newRig(t, keyOf(old, kept), keycache.Options{})
	_, rewrap := r.rewrapper(AsIs, "mem:old")
	got := rewrap(damaged, Outdated)
	r.end()
	after := newRig(t, keyOf(kept), keycache.Options{})
	after.mustOpen(got, "v")
	after.end()
}

func TestMoveRefuses(t *testing.T) {
	m := keycachetest.NewKMS("a")
	r := newRig(t, keyOf(m), keycache.Options{})
	defer r.end()
	for _, to := range []KeyReference{Inline, ByID} {
		if _, err := New(r.Cache, "k", to, Options{}); err == nil {
			t.Error("a key without a store: no error")
		}
	}
	record, err := keks.NewRecord(t.Context(), keyOf(m).Context, m.KEK())
	if err != nil {
		t.Fatal(err)
	}
	pinned := keyOf(m)
	pinned.Record = record
	p := newRig(t, pinned, keycache.Options{})
	defer p.end()
	if _, err := New(p.Cache, "k", Inline, Options{}); err == nil {
		t.Error("a pinned key: no error")
	}
}
