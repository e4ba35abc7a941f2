package source

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"

	"go.opentelemetry.io/otel/trace"

	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/keycache/calls"
	"github.com/sealmesh/sealmesh/keycache/datakeys"
	"github.com/sealmesh/sealmesh/keycache/flight"
)

// ErrRecord is the failure of a record that contradicts its envelope.
var ErrRecord = errors.New("the record is malformed or not that of the envelope's data key")

var (
	errNoRecord = errors.New("the envelope carries no wrapped data key, and its id is not the pinned key's")
	errSealOnly = &hsm.Error{Class: hsm.Misconfigured, Operation: "open", Err: errors.New("the key's use is seal")}
)

// forged marks what only a forger or a wrong key makes: callers need not tell
// the two apart.
func forged(err error) error { return &hsm.Error{Class: hsm.Corrupt, Operation: "open", Err: err} }

// Cached returns the data key of an envelope if it is there, or nil. It fails
// if the envelope's record contradicts the data key.
func (s *Source) Cached(h *envelope.Header) (*datakeys.DataKey, error) {
	d := s.Keys.Get(h.KeyID)
	if d == nil || h.Record == nil || bytes.Equal(h.Record, d.Encoded) {
		return d, nil
	}
	// The same data key, wrapped again, or another one that was made to share half
	// its commitment.
	r, err := envelope.ParseRecord(h.Record)
	if err != nil || r.Commitment != d.Record.Commitment {
		return nil, forged(ErrRecord)
	}
	return d, nil
}

// Fetch begins to unwrap the data key of an envelope, or joins the flight that
// does. It is charged to by if the data key turns out not to exist; a flight
// that another caller began may fail with [calls.ErrSpent].
func (s *Source) Fetch(h *envelope.Header, by *calls.Allowance, parent trace.SpanContext) (*flight.Flight[*datakeys.DataKey], error) {
	if s.Use == hsm.SealOnly {
		return nil, errSealOnly
	}
	if h.Record == nil && s.fleet != nil {
		return s.fleet.fetch(h.KeyID, by, parent)
	}
	r, err := recordOf(h, s.Pinned)
	if err != nil {
		return nil, forged(err)
	}
	if s.Pinned != nil && r.Commitment == s.Pinned.Commitment {
		return s.MakeSuccessor(nil, parent), nil
	}
	encoded := envelope.AppendRecord(nil, r) // a copy: r aliases the caller's buffer
	if r, err = envelope.ParseRecord(encoded); err != nil {
		return nil, forged(err)
	}
	if err := s.KEKs.CheckWraps(r.Wraps); err != nil {
		return nil, err
	}
	id := flight.ID(sha256.Sum256(encoded))
	if err := s.failed.recall(id); err != nil {
		return nil, err
	}
	return s.seek(id, by, parent, func(ctx context.Context) (*datakeys.DataKey, error) {
		return s.load(ctx, r, id)
	})
}

// seek joins the flight of that id. It begins one only if by allows that: the
// data key may not exist.
func (s *Source) seek(id flight.ID, by *calls.Allowance, parent trace.SpanContext, run func(context.Context) (*datakeys.DataKey, error)) (*flight.Flight[*datakeys.DataKey], error) {
	if by.Spent(s.now()) && !s.Keys.Flights.Has(id) {
		return nil, calls.ErrSpent
	}
	return s.Keys.Flights.Join(id, parent, func(ctx context.Context) (*datakeys.DataKey, error) {
		d, err := run(calls.WithAllowance(ctx, by))
		if isStranger(err) {
			by.Charge(s.now())
		}
		return d, err
	}), nil
}

// isStranger reports whether a data key was not found, or did not unwrap,
// because of who sent its envelope, as far as anybody can tell.
func isStranger(err error) bool {
	if err == nil || calls.IsRemembered(err) {
		return false
	}
	switch hsm.ClassOf(err) {
	case hsm.Corrupt, hsm.Unsupported, hsm.Unclear:
		return true
	}
	return false
}

// recordOf returns the record of an envelope: its own, or the pinned one that
// it names.
func recordOf(h *envelope.Header, pinned *envelope.Record) (envelope.Record, error) {
	if h.Record == nil {
		if pinned != nil && pinned.KeyID() == h.KeyID {
			return *pinned, nil
		}
		return envelope.Record{}, errNoRecord
	}
	r, err := envelope.ParseRecord(h.Record)
	if err != nil || r.KeyID() != h.KeyID {
		return envelope.Record{}, ErrRecord
	}
	return r, nil
}

// load unwraps a data key and keeps it for opening. id is under what a failure
// is remembered.
func (s *Source) load(ctx context.Context, r envelope.Record, id flight.ID) (*datakeys.DataKey, error) {
	if d := s.usable(r); d != nil {
		return d, nil // the flight before this one brought it
	}
	for {
		epoch := s.Keys.Epoch()
		d, err := s.unwrap(ctx, r)
		if err != nil {
			s.failed.remember(id, err)
			return nil, err
		}
		if there := s.usable(r); there != nil {
			d.Destroy() // another flight brought it, maybe to seal
			return there, nil
		}
		if s.Keys.Keep(d, epoch) {
			s.Keys.Admit(d)
			return d, nil
		}
		// Flushed meanwhile: ask again.
	}
}

// usable returns the data key of r if it is there and within its hard TTL.
func (s *Source) usable(r envelope.Record) *datakeys.DataKey {
	d := s.Keys.Get(r.KeyID())
	if d == nil || d.Record.Commitment != r.Commitment || !d.Usable(s.now()) {
		return nil
	}
	return d
}
