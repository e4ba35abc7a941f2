package keycachetest

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/keycache/store"
)

// A Store is a record store in memory. It can be slow, be unavailable, and lie.
type Store struct {
	Claims, Finds, Gets, Puts, Replaces atomic.Int64

	Mu      sync.Mutex
	Slots   map[store.Slot]envelope.Record
	Records map[envelope.KeyID]envelope.Record
	delay   time.Duration
	err     error
	Lie     func(envelope.Record) envelope.Record
}

// NewStore returns an empty store.
func NewStore() *Store {
	return &Store{Slots: map[store.Slot]envelope.Record{}, Records: map[envelope.KeyID]envelope.Record{}}
}

// ErrDown is a failure of a store that does not answer.
var ErrDown = errors.New("the store is away")

// Answer sets how every call goes from now on.
func (s *Store) Answer(delay time.Duration, err error) {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	s.delay, s.err = delay, err
}

func (s *Store) do(ctx context.Context, n *atomic.Int64, f func() (envelope.Record, error)) (envelope.Record, error) {
	n.Add(1)
	s.Mu.Lock()
	delay, err := s.delay, s.err
	s.Mu.Unlock()
	select {
	case <-ctx.Done():
		return envelope.Record{}, ctx.Err()
	case <-time.After(delay):
	}
	if err != nil {
		return envelope.Record{}, err
	}
	s.Mu.Lock()
	defer s.Mu.Unlock()
	r, err := f()
	if err == nil && s.Lie != nil {
		r = s.Lie(r)
	}
	return r, err
}

// Claim is [store.Store]'s.
func (s *Store) Claim(ctx context.Context, slot store.Slot, r envelope.Record) (envelope.Record, error) {
	return s.do(ctx, &s.Claims, func() (envelope.Record, error) {
		if won, ok := s.Slots[slot]; ok {
			return won, nil
		}
		s.Slots[slot], s.Records[r.KeyID()] = r, r
		return r, nil
	})
}

// Find is [store.Store]'s.
func (s *Store) Find(ctx context.Context, slot store.Slot) (envelope.Record, error) {
	return s.do(ctx, &s.Finds, func() (envelope.Record, error) { return found(s.Slots, slot) })
}

// Get is [store.Store]'s.
func (s *Store) Get(ctx context.Context, id envelope.KeyID) (envelope.Record, error) {
	return s.do(ctx, &s.Gets, func() (envelope.Record, error) { return found(s.Records, id) })
}

// Put is [store.Store]'s.
func (s *Store) Put(ctx context.Context, r envelope.Record) (envelope.Record, error) {
	return s.do(ctx, &s.Puts, func() (envelope.Record, error) {
		if there, ok := s.Records[r.KeyID()]; ok {
			return there, nil
		}
		s.Records[r.KeyID()] = r
		return r, nil
	})
}

// Replace is [store.Store]'s.
func (s *Store) Replace(ctx context.Context, old, next envelope.Record) (envelope.Record, error) {
	return s.do(ctx, &s.Replaces, func() (envelope.Record, error) {
		there, err := found(s.Records, old.KeyID())
		if err != nil || !bytes.Equal(envelope.AppendRecord(nil, there), envelope.AppendRecord(nil, old)) {
			return there, err
		}
		s.Records[old.KeyID()] = next
		for slot, r := range s.Slots {
			if r.Commitment == next.Commitment {
				s.Slots[slot] = next
			}
		}
		return next, nil
	})
}

// All is [store.Store]'s.
func (s *Store) All(ctx context.Context) iter.Seq2[envelope.Record, error] {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	records := slices.Collect(maps.Values(s.Records))
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

// Size returns how many records there are.
func (s *Store) Size() int {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	return len(s.Records)
}

// Close is [store.Store]'s.
func (s *Store) Close() error { return nil }
