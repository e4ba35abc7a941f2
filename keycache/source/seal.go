package source

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/sealmesh/sealmesh/codec/suite"
	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/keycache/datakeys"
	"github.com/sealmesh/sealmesh/keycache/flight"
)

var (
	errOpenOnly = &hsm.Error{Class: hsm.Misconfigured, Operation: "seal", Err: errors.New("the key's use is open")}
	errTooLarge = &hsm.Error{Class: hsm.Misconfigured, Operation: "seal",
		Err: errors.New("the value is larger than rotate.bytes lets one data key seal"), Hint: "raise rotate.bytes"}
)

// making is the flight in which a key's next data key is made. No SHA-256 of a
// record is known to be zero.
var making flight.ID

// Acquire fills claim, which is released before, for a value of n bytes that
// the suite of that number seals: from the current data key while that has
// room, else from its successor. now is the caller's reading of the clock.
// Unless the result is Hit, Acquire may have waited. ctx bounds the wait only.
func (s *Source) Acquire(ctx context.Context, claim *datakeys.Claim, id suite.ID, n uint64, now time.Duration, parent trace.SpanContext) (datakeys.Access, error) {
	claim.Release()
	if n > s.Keys.Rotate.Bytes && s.Pinned == nil {
		return datakeys.Miss, errTooLarge
	}
	access := datakeys.Hit
	for {
		d := s.Keys.Current()
		var next *flight.Flight[*datakeys.DataKey]
		if d == nil || !d.MaySeal(now) {
			next = s.MakeSuccessor(d, parent)
		} else {
			served, err := s.Keys.Serve(ctx, d, now, parent)
			access = max(access, served)
			if errors.Is(err, datakeys.ErrEvicted) {
				now = s.now()
				continue
			}
			if err != nil {
				return access, err
			}
			s.makeAhead(d, now, parent)
			switch taken, err := claim.Take(d, id, n); taken {
			case datakeys.Granted:
				return access, err
			case datakeys.WornOut:
				next = s.Keys.Verify(d, parent)
			default:
				next = s.MakeSuccessor(d, parent)
			}
		}
		access = datakeys.Miss
		if _, err := next.Wait(ctx); err != nil && !errors.Is(err, datakeys.ErrEvicted) && !errors.Is(err, errKeep) {
			return access, err
		}
		now = s.now()
	}
}

// Warm begins to make, or to verify, the data key that seals, unless it serves.
func (s *Source) Warm(parent trace.SpanContext) {
	d, now := s.Keys.Current(), s.now()
	switch {
	case d == nil || !d.MaySeal(now):
		s.MakeSuccessor(d, parent)
	case !d.Serves(now):
		s.Keys.VerifyIfStale(d, parent)
	}
}

// makeAhead begins to make a successor before d is used up or too old, so that
// no use waits.
func (s *Source) makeAhead(d *datakeys.DataKey, now time.Duration, parent trace.SpanContext) {
	if s.Pinned == nil && (d.Ahead(now) || d.UsesLow() || d.BytesLow()) {
		s.MakeSuccessor(d, parent)
	}
}

// MakeSuccessor makes the data key that seals after old, which is nil at first.
func (s *Source) MakeSuccessor(old *datakeys.DataKey, parent trace.SpanContext) *flight.Flight[*datakeys.DataKey] {
	return s.Keys.Flights.Join(making, parent, func(ctx context.Context) (*datakeys.DataKey, error) {
		if d := s.Keys.Current(); d != nil && d != old && d.MaySeal(s.now()) {
			return d, nil // the flight before this one made it
		}
		return s.next(ctx, old)
	})
}

func (s *Source) next(ctx context.Context, old *datakeys.DataKey) (*datakeys.DataKey, error) {
	if err := s.failed.recall(making); err != nil {
		return nil, err
	}
	for {
		epoch := s.Keys.Epoch()
		d, err := s.makeOne(ctx, old)
		if err != nil {
			s.failed.remember(making, err)
			return nil, err
		}
		if s.Keys.Keep(d, epoch) {
			s.rotations[rotationReason(old, s.now())].Add(1)
			s.Keys.Promote(d)
			return d, nil
		}
	}
}

// makeOne gets a data key that may seal, from wherever the key's data keys
// come.
func (s *Source) makeOne(ctx context.Context, old *datakeys.DataKey) (*datakeys.DataKey, error) {
	switch {
	case s.Pinned != nil:
		return s.unwrap(ctx, *s.Pinned)
	case s.Use == hsm.OpenOnly:
		return nil, errOpenOnly
	case s.fleet != nil:
		return s.fleet.share(ctx, old)
	default:
		return s.generate(ctx)
	}
}

func (s *Source) generate(ctx context.Context) (*datakeys.DataKey, error) {
	secret, r, asked, err := s.KEKs.Generate(ctx)
	if err != nil {
		return nil, err
	}
	defer secret.Destroy()
	return s.newDataKey(secret, r, asked)
}

// Reasons of a rotation.
const (
	rotatedFirst = iota
	rotatedAge
	rotatedUses
	rotatedBytes
	rotationReasons
)

var rotationNames = [rotationReasons]string{"initial", "age", "uses", "bytes"}

func rotationReason(old *datakeys.DataKey, now time.Duration) int {
	switch {
	case old == nil || !old.Usable(now):
		return rotatedFirst
	case old.UsesLow():
		return rotatedUses
	case old.BytesLow():
		return rotatedBytes
	default:
		return rotatedAge
	}
}

// Rotations returns how many data keys began to seal, by reason: initial, age,
// uses, bytes.
func (s *Source) Rotations() map[string]uint64 {
	m := make(map[string]uint64, rotationReasons)
	for i, name := range rotationNames {
		m[name] = s.rotations[i].Load()
	}
	return m
}
