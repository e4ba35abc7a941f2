package keycache

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/keycache/calls"
	"github.com/sealmesh/sealmesh/keycache/keycachetest"
	"github.com/sealmesh/sealmesh/keycache/keyuse"
)

// openFrom opens one value in a session of a caller's own.
func (r *rig) openFrom(caller string, text []byte) (string, error) {
	s := r.Session(context.Background(), keyuse.Exchange{Route: "customers", Direction: "request", Caller: caller})
	out, _, err := s.Open(nil, r.tag, text)
	return string(out), errors.Join(err, s.Close(err))
}

// forged returns text with the id of a data key that nobody made, and a record
// to match where it has one.
func forged(t *testing.T, text []byte) []byte {
	t.Helper()
	h, payload, _, err := envelope.Parse(nil, text)
	if err != nil {
		t.Fatal(err)
	}
	if h.Record == nil {
		rand.Read(h.KeyID[:])
		return envelope.Append(nil, h, payload)
	}
	rec := mustRecord(t, bytes.Clone(h.Record))
	rand.Read(rec.Commitment[:])
	h.KeyID, h.Record = rec.KeyID(), envelope.AppendRecord(nil, rec)
	return envelope.Append(nil, h, payload)
}

// Ids that one caller makes up are no outage of the store: sealing and
// everybody else's data keys go on, and what was proven before opens for that
// caller as well.
func TestStrangersShutNoStore(t *testing.T) {
	for _, refuse := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			m, s := keycachetest.NewKMS("a"), keycachetest.NewStore()
			w := newRig(t, keyOf(m), storing(s, true))
			good := w.mustSeal("v")
			w.end()
			r := newRig(t, keyOf(m), storing(s, refuse))
			const forger = "10.0.0.9:4711"
			for range 3 * strangersBurst {
				if _, err := r.openFrom(forger, forged(t, good)); err == nil {
					t.Fatal("opened")
				}
			}
			if n := s.Gets.Load(); n > strangersBurst {
				t.Errorf("%d calls for a forger, want at most %d", n, strangersBurst)
			}
			_, err := r.openFrom("10.0.0.9:4712", good)
			r.wantReason(err, TooManyUnknown)
			if got, err := r.openFrom("10.0.0.8:4711", good); err != nil || got != "v" {
				t.Errorf("another caller's open: %q, %v", got, err)
			}
			wantShape(t, r.mustSeal("v"), false)
			r.Flush("") // and the record is known
			if got, err := r.openFrom(forger, good); err != nil || got != "v" {
				t.Errorf("the forger's open of what is known: %q, %v", got, err)
			}
			time.Sleep(time.Second)
			before := s.Gets.Load()
			_, err = r.openFrom(forger, forged(t, good))
			r.wantReason(err, OpenFailed)
			wantCount(t, "calls once the allowance grows back", s.Gets.Load()-before, 1)
			r.end()
		})
	}
}

// A store's outage is one, whoever asks: it charges no caller.
func TestOutageChargesNoCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, s := keycachetest.NewKMS("a"), keycachetest.NewStore()
		w := newRig(t, keyOf(m), storing(s, true))
		good := w.mustSeal("v")
		w.end()
		r := newRig(t, keyOf(m), storing(s, true))
		s.Answer(0, keycachetest.ErrDown)
		for range 3 * strangersBurst {
			_, err := r.open(good)
			r.wantReason(err, KeyUnavailable)
		}
		s.Answer(0, nil)
		time.Sleep(calls.WhileUnavailable.Max)
		r.mustOpen(good, "v")
		r.end()
	})
}

// Forged records cost the KMS no more than the caller's allowance, and nobody
// else theirs.
func TestForgedRecordsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := keycachetest.NewKMS("a")
		good := foreign(t, 2, "v", m)
		r := newRig(t, keyOf(m), Options{})
		var wg sync.WaitGroup
		for range 3000 {
			bad := forged(t, good[0])
			wg.Go(func() { _, _ = r.openFrom("a", bad) })
		}
		wg.Wait()
		if n := m.Unwraps.Load(); n > strangersBurst+DefaultParallel {
			t.Errorf("%d calls for 3000 forged records", n)
		}
		_, err := r.openFrom("a", good[0])
		r.wantReason(err, TooManyUnknown)
		if got, err := r.openFrom("b", good[0]); err != nil || got != "v" {
			t.Errorf("another caller's open: %q, %v", got, err)
		}
		if got, err := r.openFrom("a", good[0]); err != nil || got != "v" { // it is there now
			t.Errorf("%q, %v", got, err)
		}
		time.Sleep(time.Second)
		for range strangersRate {
			if _, err := r.openFrom("a", forged(t, good[0])); err == nil {
				t.Fatal("opened")
			}
		}
		_, err = r.openFrom("a", good[1])
		r.wantReason(err, TooManyUnknown)
		r.end()
	})
}

// A process that starts under load looks for far more data keys than the
// allowance, all at once, for one caller: none of them is a stranger's.
func TestColdStartIsNoStorm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := keycachetest.NewKMS("a")
		texts := foreign(t, 4*strangersBurst, "v", m)
		r := newRig(t, keyOf(m), Options{})
		m.Answer(20*time.Millisecond, 0)
		var wg sync.WaitGroup
		for _, text := range texts {
			wg.Go(func() { r.mustOpen(text, "v") })
		}
		wg.Wait()
		r.end()
	})
}

// Who joins a search that another caller began, and may not make, makes it
// again.
func TestOthersSearchIsNotTheirs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := keycachetest.NewKMS("a")
		texts := foreign(t, 2, "v", m)
		r := newRig(t, keyOf(m), Options{Parallel: 1})
		m.Answer(time.Second, 0)
		go func() { r.mustOpen(texts[0], "v") }() // holds the slot
		synctest.Wait()
		go func() { _, _ = r.openFrom("forger", texts[1]) }()
		synctest.Wait()
		spent := r.callers.of("forger", r.now())
		for range strangersBurst {
			spent.Charge(r.now())
		}
		if got, err := r.openFrom("victim", texts[1]); err != nil || got != "v" {
			t.Errorf("%q, %v", got, err)
		}
		r.end()
	})
}

// Allowances are bounded in number, and a caller gains none by being forgotten.
func TestCallersAreBounded(t *testing.T) {
	c, err := newCallers(rememberedCallers)
	if err != nil {
		t.Fatal(err)
	}
	first := c.of("first", 0)
	for range strangersBurst {
		first.Charge(0)
	}
	for i := range 2 * rememberedCallers {
		c.of(fmt.Sprint(i), 0).Charge(0)
	}
	if n := c.known.Len(); n != rememberedCallers {
		t.Errorf("%d allowances held", n)
	}
	if !c.of("first", 0).Spent(0) {
		t.Error("a caller who had spent its allowance has a new one")
	}
	if c.of("late", 0) != c.crowd {
		t.Error("a caller past the room has an allowance of its own")
	}
	whole := time.Hour
	if a := c.of("later", whole); a == c.crowd || a.Spent(whole) {
		t.Error("no room is made of allowances that have grown back")
	}
}
