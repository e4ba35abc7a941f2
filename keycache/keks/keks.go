// Package keks makes, wraps and unwraps the data keys of one configured key, by
// the KEKs that the key names. It is the only caller of [hsm.Provider].
//
// A [Set] is the KEKs of one key. Each KEK wraps every data key that the key
// makes, and a data key is used only if a quorum of them wrapped it. To unwrap,
// the set asks one KEK after the other until one gives a clear answer. A denial
// is a clear answer, whichever KEK gives it: an operator who revokes one of
// several KEKs ends the key here. So every KEK is verified within the soft TTL,
// and not only the KEK that opens; see [Set.Confirm].
//
// A KEK that did not answer is not asked for a while; see package calls. The
// set keeps no data key: it returns each one as an [hsm.Secret], which the
// caller destroys.
package keks

import (
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/keycache/calls"
	"github.com/sealmesh/sealmesh/keycache/flight"
)

// Options of a [Set]. All fields but Tracer are required.
type Options struct {
	Now      func() time.Duration // monotonic, since any fixed moment
	Tracer   trace.Tracer         // makes client spans of provider calls; nil for none
	Parallel int                  // calls in flight to one KEK: those that unwrap for envelopes, and all others
	Timeout  time.Duration        // of the calls that one data key may take
	// Vouched is how long a KEK that made or unwrapped a data key is not asked to
	// confirm. It ends before the soft TTL does.
	Vouched time.Duration
}

// A Set is the KEKs of one key. Its fields do not change. Safe for concurrent
// use.
type Set struct {
	KEKs        []*KEK               // wrap and unwrap, in order of preference
	Former      []*KEK               // targets that an alias had before: they unwrap and wrap nothing
	Unavailable []hsm.UnavailableKEK // KEKs that could not be opened: they may have wrapped what no KEK here did
	Quorum      int                  // wraps that a new data key needs

	settings
	making     calls.Gate // of the making of data keys as a whole
	confirming *flight.Group[struct{}]
	degraded   atomic.Uint64
}

// settings are what the KEKs of a set have in common.
type settings struct {
	Options
	key     string                // its name
	Context hsm.EncryptionContext // bound to every data key of the key
}

// New returns the KEKs of a key. It asks no provider.
func New(cfg *hsm.Key, opt Options) (*Set, error) {
	if len(cfg.KEKs) > envelope.MaxWraps {
		return nil, fmt.Errorf("key %q: %d KEKs, but a record holds the wraps of %d at most", cfg.Name, len(cfg.KEKs), envelope.MaxWraps)
	}
	s := &Set{Unavailable: cfg.Unavailable, Quorum: cfg.Quorum, confirming: flight.NewGroup[struct{}]()}
	s.settings = settings{Options: opt, key: cfg.Name, Context: cfg.Context}
	for _, kk := range cfg.KEKs {
		s.KEKs = append(s.KEKs, newKEK(kk, &s.settings))
	}
	for _, kk := range cfg.Unwrapping()[len(cfg.KEKs):] {
		s.Former = append(s.Former, newKEK(kk, &s.settings))
	}
	return s, nil
}

// All returns the KEKs that unwrap: KEKs, then Former.
func (s *Set) All() []*KEK {
	if len(s.Former) == 0 {
		return s.KEKs
	}
	return slices.Concat(s.KEKs, s.Former)
}

// Wrapped returns how many of the KEKs that wrap made one of wraps.
func (s *Set) Wrapped(wraps []envelope.Wrap) (n int) {
	for _, kk := range s.KEKs {
		if kk.WrapIn(wraps) != nil {
			n++
		}
	}
	return n
}

// Degraded reports whether a KEK that wraps made none of wraps.
func (s *Set) Degraded(wraps []envelope.Wrap) bool { return s.Wrapped(wraps) < len(s.KEKs) }

// DegradedKeys returns how many data keys were made that not every KEK wrapped.
func (s *Set) DegradedKeys() uint64 { return s.degraded.Load() }

// Reset forgets all failures, so that the next use asks every KEK again.
func (s *Set) Reset() {
	s.making.Reset()
	for _, kk := range s.All() {
		kk.gate.Reset()
	}
}

// Stop cancels the calls that confirm KEKs, and lets no further one begin. Wait
// returns once they have ended.
func (s *Set) Stop() { s.confirming.Stop() }

// Wait returns once no KEK is being confirmed. Call it after Stop.
func (s *Set) Wait() { s.confirming.Wait() }
