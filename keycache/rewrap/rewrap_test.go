package rewrap

import (
	"testing"

	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/keycache"
	"github.com/sealmesh/sealmesh/keycache/keycachetest"
)

// A KEK joins, another leaves: envelopes change their record and nothing else,
// each data key costs its calls once, and what was sealed before opens under
// either.
func TestRewrap(t *testing.T) {
	old, fresh := keycachetest.NewKMS("old"), keycachetest.NewKMS("new")
	texts := foreign(t, 3, "v", old)
	r := newRig(t, keyOf(fresh, old), keycache.Options{})
	w, err := New(r.Cache, "k", AsIs, Options{Drop: []string{"mem:old"}})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		for _, text := range texts {
			if what, err := w.Survey(t.Context(), text); what.Status != Outdated || err != nil {
				t.Fatalf("%v, %v", what, err)
			}
			got, _, err := w.Rewrap(t.Context(), nil, text)
			if err != nil {
				t.Fatal(err)
			}
			if what, err := w.Survey(t.Context(), got); what.Status != Current || err != nil {
				t.Errorf("rewrapped: %v, %v", what, err)
			}
			sameButRecord(t, text, got)
			again, what, err := w.Rewrap(t.Context(), nil, got)
			if err != nil || what != Current || string(again) != string(got) {
				t.Errorf("again: %v, %v", what, err)
			}
			after := newRig(t, keyOf(fresh), keycache.Options{}) // the old KEK is gone
			after.mustOpen(got, "v")
			after.end()
		}
	}
	wantCount(t, "unwraps by the old KEK", old.Unwraps.Load(), 3)
	wantCount(t, "wraps by the new KEK", fresh.Wraps.Load(), 3)
	uses := r.end()
	if len(uses) != 3 {
		t.Errorf("%d key uses, want one for each data key: %v", len(uses), uses)
	}
}

// A survey counts the calls of each data key once, and makes none; what comes
// after it is as if it had not been.
func TestRewrapSurvey(t *testing.T) {
	old, fresh := keycachetest.NewKMS("old"), keycachetest.NewKMS("new")
	texts := foreign(t, 2, "v", old)
	r := newRig(t, keyOf(fresh, old), keycache.Options{})
	w, err := New(r.Cache, "k", AsIs, Options{Drop: []string{"mem:old"}})
	if err != nil {
		t.Fatal(err)
	}
	calls := 0
	for range 2 {
		for _, text := range texts {
			s, err := w.Survey(t.Context(), text)
			if err != nil || s.Status != Outdated || s.ByID || len(s.KEKs) != 1 || s.KEKs[0] != "mem:old" || s.Other != 0 {
				t.Errorf("%+v, %v", s, err)
			}
			calls += s.Calls
		}
	}
	wantCount(t, "calls foreseen", int64(calls), 4)
	wantCount(t, "calls made", old.Unwraps.Load()+fresh.Wraps.Load(), 0)
	for _, text := range texts {
		got, _, err := w.Rewrap(t.Context(), nil, text)
		if err != nil {
			t.Fatal(err)
		}
		if s, err := w.Survey(t.Context(), got); err != nil || s.Status != Current || s.KEKs[0] != "mem:new" || s.Calls != 0 {
			t.Errorf("rewrapped: %+v, %v", s, err)
		}
	}
	wantCount(t, "calls made", old.Unwraps.Load()+fresh.Wraps.Load(), 4)
	r.end()
}

func sameButRecord(t *testing.T, a, b []byte) {
	t.Helper()
	ha, pa, _, errA := envelope.Parse(nil, a)
	hb, pb, _, errB := envelope.Parse(nil, b)
	if errA != nil || errB != nil || ha.Suite != hb.Suite || ha.Kind != hb.Kind || ha.KeyID != hb.KeyID || string(pa) != string(pb) {
		t.Errorf("more than the record changed: %v %v", errA, errB)
	}
}

func TestRewrapRefuses(t *testing.T) {
	m, stranger := keycachetest.NewKMS("a"), keycachetest.NewKMS("b")
	r := newRig(t, keyOf(m), keycache.Options{})
	defer r.end()
	for name, drop := range map[string][]string{"nope": nil, "k": {"mem:a"}} {
		if _, err := New(r.Cache, name, AsIs, Options{Drop: drop}); err == nil {
			t.Errorf("%s %v: no error", name, drop)
		}
	}
	if _, err := New(r.Cache, "k", AsIs, Options{Drop: []string{"mem:x"}}); err == nil {
		t.Error("a KEK that is not there: no error")
	}
	w, err := New(r.Cache, "k", AsIs, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.Rewrap(t.Context(), nil, []byte("sm1.AAAA")); err == nil {
		t.Error("malformed: no error")
	}
	text := foreign(t, 1, "v", stranger)[0]
	got, what, err := w.Rewrap(t.Context(), nil, text)
	if err != nil || what != Unrelated || string(got) != string(text) {
		t.Errorf("of another key: %v, %v", what, err)
	}
}

// An old KEK that no longer unwraps leaves the envelope as it is, and one use
// of the failure.
func TestRewrapDenied(t *testing.T) {
	old, fresh := keycachetest.NewKMS("old"), keycachetest.NewKMS("new")
	text := foreign(t, 1, "v", old)[0]
	r := newRig(t, keyOf(fresh, old), keycache.Options{})
	w, err := New(r.Cache, "k", AsIs, Options{})
	if err != nil {
		t.Fatal(err)
	}
	old.Answer(0, 2) // hsm.Denied
	_, _, err = w.Rewrap(t.Context(), nil, text)
	r.wantReason(err, keycache.KeyDenied)
	if uses := r.end(); len(uses) != 1 {
		t.Errorf("uses %v", uses)
	}
}
