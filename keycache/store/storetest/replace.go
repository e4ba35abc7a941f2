package storetest

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/keycache/store"
)

// rewrapped returns a record of the same data key with other wraps.
func rewrapped(t testing.TB, r envelope.Record) envelope.Record {
	next := NewRecord(t, 1, 184)
	next.Commitment = r.Commitment
	return next
}

// put: the first record of an id stays, and Get finds it.
func put(t *testing.T, h Harness) {
	s, other := open(t, h), open(t, h)
	r, slot := NewRecord(t, 2, 184), NewSlot()
	got, err := s.Put(t.Context(), r)
	want(t, "put", r, got, err)
	got, err = other.Get(t.Context(), r.KeyID())
	want(t, "get", r, got, err)
	got, err = other.Put(t.Context(), r)
	want(t, "put again", r, got, err)
	got, err = other.Put(t.Context(), rewrapped(t, r))
	want(t, "put of other wraps", r, got, err)
	claimed := NewRecord(t, 1, 184)
	won, err := s.Claim(t.Context(), slot, claimed)
	want(t, "claim", claimed, won, err)
	got, err = s.Put(t.Context(), rewrapped(t, claimed))
	want(t, "put of what was claimed", claimed, got, err)
	if got, err := s.Put(t.Context(), NewRecord(t, 1, 0)); err == nil {
		t.Errorf("a record without a binary form was stored: %v", got)
	}
}

// putMany puts records of one data key from many processes at once: all get the
// same one.
func putMany(t *testing.T, h Harness) {
	stores := []store.Store{open(t, h), open(t, h)}
	r := NewRecord(t, 1, 184)
	var there [claimers]envelope.Record
	var errs [claimers]error
	var wg sync.WaitGroup
	for i := range claimers {
		wg.Go(func() { there[i], errs[i] = stores[i%2].Put(t.Context(), rewrapped(t, r)) })
	}
	wg.Wait()
	for i := range claimers {
		want(t, "put", there[0], there[i], errs[i])
	}
	got, err := stores[0].Get(t.Context(), r.KeyID())
	want(t, "get", there[0], got, err)
}

// replace: a record is replaced only by a record of its data key, and only if
// it is what the caller expects. Find sees the new record too.
func replace(t *testing.T, h Harness) {
	s, other := open(t, h), open(t, h)
	old, slot := NewRecord(t, 1, 184), NewSlot()
	won, err := s.Claim(t.Context(), slot, old)
	want(t, "claim", old, won, err)
	next := rewrapped(t, old)
	got, err := s.Replace(t.Context(), old, next)
	want(t, "replace", next, got, err)
	got, err = other.Get(t.Context(), old.KeyID())
	want(t, "get", next, got, err)
	got, err = other.Find(t.Context(), slot)
	want(t, "find", next, got, err)
	got, err = other.Claim(t.Context(), slot, NewRecord(t, 1, 184))
	want(t, "claim of the slot", next, got, err)
	got, err = other.Replace(t.Context(), old, rewrapped(t, old))
	want(t, "replace of what is no more there", next, got, err)
	got, err = other.Replace(t.Context(), old, next)
	want(t, "replace again", next, got, err)

	got, err = s.Replace(t.Context(), next, NewRecord(t, 1, 184))
	if err == nil {
		t.Fatalf("another data key's record took the place: %v", got)
	}
	if got, err = s.Replace(t.Context(), next, envelope.Record{Commitment: next.Commitment}); err == nil {
		t.Fatalf("a record without wraps took the place: %v", got)
	}
	got, err = s.Get(t.Context(), old.KeyID())
	want(t, "get after what was refused", next, got, err)
	absent := NewRecord(t, 1, 184)
	got, err = s.Replace(t.Context(), absent, rewrapped(t, absent))
	wantError(t, "replace of nothing", got, err, store.ErrNotFound)
}

// replaceMany replaces one record from many processes at once, while others
// read it: one wins, all get its record, and readers find only the old or the
// new record.
func replaceMany(t *testing.T, h Harness) {
	stores := []store.Store{open(t, h), open(t, h), open(t, h)}
	old, slot := NewRecord(t, 1, 184), NewSlot()
	won, err := stores[0].Claim(t.Context(), slot, old)
	want(t, "claim", old, won, err)
	var mine, there [claimers]envelope.Record
	var errs [claimers]error
	var writers, readers sync.WaitGroup
	done := make(chan struct{})
	for i := range 3 {
		readers.Go(func() {
			for {
				if got, err := stores[i].Get(t.Context(), old.KeyID()); err != nil || got.Commitment != old.Commitment {
					t.Errorf("get meanwhile: %v", err)
				}
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	for i := range claimers {
		mine[i] = rewrapped(t, old)
		writers.Go(func() { there[i], errs[i] = stores[i%len(stores)].Replace(t.Context(), old, mine[i]) })
	}
	writers.Wait()
	close(done)
	readers.Wait()
	winners := 0
	for i := range claimers {
		want(t, "replace", there[0], there[i], errs[i])
		if same(there[i], mine[i]) {
			winners++
		}
	}
	if winners != 1 {
		t.Errorf("%d winners, want 1", winners)
	}
}

// all yields every record once, with and without a slot, in its current form,
// and continues after a damaged one.
func all(t *testing.T, h Harness) {
	s := open(t, h)
	there := map[envelope.KeyID]envelope.Record{}
	var damaged envelope.KeyID
	for i := range 20 {
		r, slot := NewRecord(t, 1, 184), NewSlot()
		got, err := s.Claim(t.Context(), slot, r)
		want(t, "claim", r, got, err)
		switch i % 4 {
		case 0:
			next := rewrapped(t, r)
			got, err := s.Replace(t.Context(), r, next)
			want(t, "replace", next, got, err)
			r = next
		case 1:
			byID := NewRecord(t, 1, 184)
			got, err := s.Put(t.Context(), byID)
			want(t, "put", byID, got, err)
			there[byID.KeyID()] = byID
		}
		if damaged = r.KeyID(); i < 19 {
			there[damaged] = r
			continue
		}
		h.Damage(t, damaged, slot, nil)
	}
	corrupt := scan(t, s, there)
	if corrupt == 0 || len(there) != 0 {
		t.Errorf("%d damaged, %d left out", corrupt, len(there))
	}
}

// scan removes what s yields from there, and returns the number of damaged
// records.
func scan(t *testing.T, s store.Store, there map[envelope.KeyID]envelope.Record) (corrupt int) {
	t.Helper()
	seen := map[envelope.KeyID]bool{}
	for r, err := range s.All(t.Context()) {
		if errors.Is(err, store.ErrCorrupt) && len(r.Wraps) == 0 {
			corrupt++ // of this test or an earlier one
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		id := r.KeyID()
		if seen[id] {
			t.Error("a record came twice")
		}
		seen[id] = true
		if mine, ok := there[id]; ok {
			want(t, "scan", mine, r, nil)
			delete(there, id)
		}
	}
	return corrupt
}

// allEnds: a scan ends with its reader or its context.
func allEnds(t *testing.T, h Harness) {
	s := open(t, h)
	for range 2 {
		r := NewRecord(t, 1, 184)
		got, err := s.Put(t.Context(), r)
		want(t, "put", r, got, err)
	}
	n := 0
	for range s.All(t.Context()) {
		n++
		break
	}
	if n != 1 {
		t.Errorf("%d records before the end", n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	n = 0
	for r, err := range s.All(ctx) {
		n++
		wantError(t, "scan", r, err, context.Canceled)
	}
	if n != 1 {
		t.Errorf("%d errors of a cancelled scan, want 1", n)
	}
}
