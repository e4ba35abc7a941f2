package keycache

import (
	"time"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/keycache/calls"
	"github.com/sealmesh/sealmesh/keycache/flight"
	"go.opentelemetry.io/otel/trace"
)

// The terms of a key's data keys: how long one serves, and what becomes of it when a
// TTL ends. A dataKey knows its key by these alone.
type terms struct {
	soft, hard time.Duration
	timeout    time.Duration    // of the calls that verify a data key
	pinned     bool             // it is never rotated, and may seal by the deterministic suite
	approved   bool             // only FIPS-approved suites get a cipher
	keepIdle   bool             // it may be verified although nobody used it
	idling     *calls.Allowance // of such verifications
	now        func() time.Duration

	verify   func(*dataKey)                 // begins to verify it
	inFlight func(sum flight.ID) bool       // reports whether it is being verified
	evict    func(*dataKey, evictionReason) // forgets it and ends it
	spawn    func(func()) bool              // runs a function in the background
}

func (k *key) newTerms() terms {
	return terms{
		soft:     k.bounds.Soft,
		hard:     k.bounds.Hard,
		timeout:  k.shared.timeout,
		pinned:   k.pinned != nil,
		approved: k.shared.approved,
		keepIdle: k.use != hsm.SealOnly, // to verify a data key that only seals would make one which nobody wants
		idling:   k.shared.idling,
		now:      k.shared.now,
		verify:   func(d *dataKey) { k.refresh(d, trace.SpanContext{}) },
		inFlight: k.flights.Has,
		evict:    k.evict,
		spawn:    k.flights.Spawn,
	}
}
