package source

import (
	"errors"
	"time"

	lru2 "github.com/hashicorp/golang-lru/v2"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/keycache/calls"
	"github.com/sealmesh/sealmesh/keycache/flight"
	"github.com/sealmesh/sealmesh/keycache/store"
)

const (
	// corruptFor and unclearFor are how long a failure is remembered; a denial is
	// remembered for calls.DeniedFor.
	corruptFor = 30 * time.Second
	unclearFor = time.Second
	// rememberedRecords bounds the failures, and the proven records, of a key.
	rememberedRecords = 4096
)

// failures remembers flights that failed, for a while, so that a storm of the
// same record costs one call. Safe for concurrent use.
type failures struct {
	now func() time.Duration
	lru *lru2.Cache[flight.ID, failure]
}

type failure struct {
	err   error
	until time.Duration
}

func newFailures(now func() time.Duration) (*failures, error) {
	lru, err := lru2.New[flight.ID, failure](rememberedRecords)
	return &failures{now, lru}, err
}

// remember keeps the failure of a flight. An outage is remembered by gates
// instead.
func (f *failures) remember(id flight.ID, err error) {
	if calls.IsRemembered(err) {
		return
	}
	var d time.Duration
	switch class := hsm.ClassOf(err); {
	case class == hsm.Unavailable:
		return
	case class == hsm.Unclear:
		d = unclearFor
	case class == hsm.Denied || errors.Is(err, store.ErrNotFound):
		d = calls.DeniedFor
	default:
		d = corruptFor
	}
	f.lru.Add(id, failure{err, f.now() + d})
}

// recall returns the failure of a flight that is still remembered, or nil.
func (f *failures) recall(id flight.ID) error {
	last, ok := f.lru.Get(id)
	if !ok {
		return nil
	}
	if f.now() >= last.until {
		f.lru.Remove(id)
		return nil
	}
	return calls.Remembered(last.err)
}

func (f *failures) purge() { f.lru.Purge() }
