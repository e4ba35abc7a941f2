// Package storetest is the conformance suite of key stores.
package storetest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/keycache/store"
)

// A Harness opens and damages one back end under test.
type Harness struct {
	// Open opens the back end once more, as another process would. The test
	// closes it.
	Open func(t *testing.T) store.Store
	// Damage replaces the stored bytes of a data key, and of its slot, by other
	// bytes. nil truncates the stored bytes by one.
	Damage func(t *testing.T, id envelope.KeyID, slot store.Slot, b []byte)
}

// Run tests a back end.
func Run(t *testing.T, h Harness) {
	for name, f := range map[string]func(*testing.T, Harness){
		"FirstWriterWins": firstWriterWins,
		"Durable":         durable,
		"NotFound":        notFound,
		"Sizes":           sizes,
		"Refuses":         refuses,
		"Damaged":         damaged,
		"Cancelled":       cancelled,
		"Concurrent":      concurrent,
		"ClaimTwice":      claimTwice,
		"Put":             put,
		"PutMany":         putMany,
		"Replace":         replace,
		"ReplaceMany":     replaceMany,
		"All":             all,
		"AllEnds":         allEnds,
		"Observed":        observed,
	} {
		t.Run(name, func(t *testing.T) { f(t, h) })
	}
}

// NewRecord returns a record with that many wraps of size bytes. Its data key
// is random.
func NewRecord(t testing.TB, wraps, size int) envelope.Record {
	t.Helper()
	var r envelope.Record
	rand.Read(r.Commitment[:])
	for i := range wraps {
		b := make([]byte, size)
		rand.Read(b)
		r.Wraps = append(r.Wraps, envelope.Wrap{ProviderID: 200, KEK: [4]byte{0, 0, 0, byte(i)}, Wrapped: b})
	}
	return r
}

// NewSlot returns a slot that nobody has claimed.
func NewSlot() (s store.Slot) {
	rand.Read(s[:])
	return s
}

func open(t *testing.T, h Harness) store.Store {
	t.Helper()
	s := h.Open(t)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func same(a, b envelope.Record) bool {
	return a.Commitment == b.Commitment && slices.EqualFunc(a.Wraps, b.Wraps, func(x, y envelope.Wrap) bool {
		return x.ProviderID == y.ProviderID && x.KEK == y.KEK && slices.Equal(x.Wrapped, y.Wrapped)
	})
}

func want(t *testing.T, what string, r envelope.Record, got envelope.Record, err error) {
	t.Helper()
	if err != nil || !same(r, got) {
		t.Fatalf("%s: %v, the same record: %t", what, err, same(r, got))
	}
}

func wantError(t *testing.T, what string, r envelope.Record, err, class error) {
	t.Helper()
	if !errors.Is(err, class) || len(r.Wraps) != 0 {
		t.Fatalf("%s: %d wraps, error %v; want %v", what, len(r.Wraps), err, class)
	}
}

const claimers = 50

// firstWriterWins claims one slot from many processes at once: all get one
// record, which is found at once, also by id.
func firstWriterWins(t *testing.T, h Harness) {
	stores := []store.Store{open(t, h), open(t, h), open(t, h)}
	slot := NewSlot()
	var mine, won [claimers]envelope.Record
	var errs [claimers]error
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range claimers {
		mine[i] = NewRecord(t, 1, 184)
		wg.Go(func() {
			<-start
			s := stores[i%len(stores)]
			if won[i], errs[i] = s.Claim(t.Context(), slot, mine[i]); errs[i] != nil {
				return
			}
			var got envelope.Record
			if got, errs[i] = s.Get(t.Context(), won[i].KeyID()); errs[i] == nil && !same(got, won[i]) {
				errs[i] = errors.New("found by id: another record")
			}
		})
	}
	close(start)
	wg.Wait()
	winners := 0
	for i := range claimers {
		if errs[i] != nil {
			t.Fatal(errs[i])
		}
		if !same(won[i], won[0]) {
			t.Fatal("two claims of one slot were told of two records")
		}
		if same(won[i], mine[i]) {
			winners++
		}
	}
	if winners != 1 {
		t.Errorf("%d winners, want 1", winners)
	}
}

// durable reopens the back end: everything that was acknowledged is there.
func durable(t *testing.T, h Harness) {
	r, slot := NewRecord(t, 2, 184), NewSlot()
	s := h.Open(t)
	won, err := s.Claim(t.Context(), slot, r)
	want(t, "claim", r, won, err)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, h)
	got, err := again.Get(t.Context(), r.KeyID())
	want(t, "get", r, got, err)
	got, err = again.Find(t.Context(), slot)
	want(t, "find", r, got, err)
	got, err = again.Claim(t.Context(), slot, NewRecord(t, 1, 184))
	want(t, "a late claim", r, got, err)
}

func notFound(t *testing.T, h Harness) {
	s := open(t, h)
	r, err := s.Get(t.Context(), NewRecord(t, 1, 1).KeyID())
	wantError(t, "get", r, err, store.ErrNotFound)
	r, err = s.Find(t.Context(), NewSlot())
	wantError(t, "find", r, err, store.ErrNotFound)
}

// sizes stores the smallest and the largest record.
func sizes(t *testing.T, h Harness) {
	s := open(t, h)
	for _, size := range [][2]int{{1, 1}, {envelope.MaxWraps, envelope.MaxWrapped}} {
		r, slot := NewRecord(t, size[0], size[1]), NewSlot()
		won, err := s.Claim(t.Context(), slot, r)
		want(t, "claim", r, won, err)
		got, err := s.Get(t.Context(), r.KeyID())
		want(t, "get", r, got, err)
	}
}

// refuses: a record without a binary form takes no slot.
func refuses(t *testing.T, h Harness) {
	s := open(t, h)
	for _, size := range [][2]int{{0, 0}, {1, 0}, {1, envelope.MaxWrapped + 1}, {envelope.MaxWraps + 1, 1}} {
		r, slot := NewRecord(t, size[0], size[1]), NewSlot()
		if got, err := s.Claim(t.Context(), slot, r); err == nil {
			t.Errorf("%d wraps of %d bytes were stored: %v", size[0], size[1], got)
		}
		got, err := s.Find(t.Context(), slot)
		wantError(t, "find", got, err, store.ErrNotFound)
	}
}

// damaged: other bytes in place of a record are an error.
func damaged(t *testing.T, h Harness) {
	s := open(t, h)
	other, err := store.Encode(NewRecord(t, 1, 184))
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{
		"empty": {}, "noise": []byte("\x01no record at all"), "oversize": make([]byte, store.MaxRecord+1), "truncated": nil, "another key's": other,
	} {
		r, slot := NewRecord(t, 1, 184), NewSlot()
		_, err := s.Claim(t.Context(), slot, r)
		if err != nil {
			t.Fatal(err)
		}
		h.Damage(t, r.KeyID(), slot, b)
		got, err := s.Get(t.Context(), r.KeyID())
		wantError(t, name+": get", got, err, store.ErrCorrupt)
		got, err = s.Find(t.Context(), slot)
		wantError(t, name+": find", got, err, store.ErrCorrupt)
		got, err = s.Claim(t.Context(), slot, NewRecord(t, 1, 184))
		wantError(t, name+": claim", got, err, store.ErrCorrupt)
	}
}

func cancelled(t *testing.T, h Harness) {
	s := open(t, h)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	slot := NewSlot()
	r, err := s.Claim(ctx, slot, NewRecord(t, 1, 184))
	wantError(t, "claim", r, err, context.Canceled)
	r, err = s.Get(ctx, envelope.KeyID{})
	wantError(t, "get", r, err, context.Canceled)
	r, err = s.Find(ctx, slot)
	wantError(t, "find", r, err, context.Canceled)
	mine := NewRecord(t, 1, 184)
	r, err = s.Put(ctx, mine)
	wantError(t, "put", r, err, context.Canceled)
	r, err = s.Replace(ctx, mine, mine)
	wantError(t, "replace", r, err, context.Canceled)
	r, err = s.Find(t.Context(), slot)
	wantError(t, "find after a cancelled claim", r, err, store.ErrNotFound)
	r, err = s.Get(t.Context(), mine.KeyID())
	wantError(t, "get after a cancelled put", r, err, store.ErrNotFound)
}

// concurrent reads and writes many slots at once.
func concurrent(t *testing.T, h Harness) {
	s := open(t, h)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 10 {
				r, slot := NewRecord(t, 1, 184), NewSlot()
				if won, err := s.Claim(t.Context(), slot, r); err != nil || !same(won, r) {
					t.Errorf("claim: %v", err)
					return
				}
				if got, err := s.Get(t.Context(), r.KeyID()); err != nil || !same(got, r) {
					t.Errorf("get: %v", err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// claimTwice: a claim that is repeated because its answer was lost wins again.
func claimTwice(t *testing.T, h Harness) {
	s := open(t, h)
	r, slot := NewRecord(t, 1, 184), NewSlot()
	for range 2 {
		won, err := s.Claim(t.Context(), slot, r)
		want(t, "claim", r, won, err)
	}
	got, err := s.Get(t.Context(), r.KeyID())
	want(t, "get", r, got, err)
}

// observed: each operation reports its requests, which contain neither the id
// of a data key nor a slot.
func observed(t *testing.T, h Harness) {
	s := open(t, h)
	var mu sync.Mutex
	var calls []store.Call
	ctx := store.WithObserver(t.Context(), func(c store.Call) {
		mu.Lock()
		defer mu.Unlock()
		calls = append(calls, c)
	})
	r, slot := NewRecord(t, 1, 184), NewSlot()
	for name, ask := range map[string]func() error{
		"claim":   func() error { _, err := s.Claim(ctx, slot, r); return err },
		"find":    func() error { _, err := s.Find(ctx, NewSlot()); return err },
		"get":     func() error { _, err := s.Get(ctx, NewRecord(t, 1, 1).KeyID()); return err },
		"put":     func() error { _, err := s.Put(ctx, NewRecord(t, 1, 184)); return err },
		"replace": func() error { a := NewRecord(t, 1, 184); _, err := s.Replace(ctx, a, rewrapped(t, a)); return err },
	} {
		calls = nil
		if err := ask(); err != nil && !errors.Is(err, store.ErrNotFound) {
			t.Fatalf("%s: %v", name, err)
		}
		if len(calls) == 0 {
			t.Errorf("%s: no call was reported", name)
		}
		for _, c := range calls {
			if c.System == "" || c.Operation == "" || c.Collection == "" || c.Start.IsZero() || c.End.Before(c.Start) {
				t.Errorf("%s: %+v", name, c)
			}
			id := r.KeyID()
			if text := fmt.Sprintf("%s %s", c.Operation, c.Collection); strings.Contains(text, hex.EncodeToString(id[:])) {
				t.Errorf("%s: it shows an id: %s", name, text)
			}
		}
	}
}
