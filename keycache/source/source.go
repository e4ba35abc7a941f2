// Package source gets the data key that a session needs: the one that seals, or
// the one that opens an envelope.
//
// A key's data keys come from one of three places:
//
//   - fresh: a KEK of the key generates one, and its record goes into envelopes;
//   - pinned: the policy holds the record of the only one, which KEKs unwrap;
//   - stored: all processes that use a store share the data key in the slot that
//     the clock names. The first process puts it there; envelopes carry its id.
//
// Whatever the place, a data key seals here only after a quorum of KEKs wrapped
// it, or after a configured KEK unwrapped it and its commitment matched.
//
//	Acquire ──> Keys.Current ──ok──> claim
//	   │ none, spent, retired
//	   └──> MakeSuccessor ──> pinned? unwrap ─┐
//	                          stored? slot   ─┼─> Keep, Promote
//	                          else generate  ─┘
//
//	Cached ──miss──> Fetch ──> record of the envelope, or of the store ──> unwrap ──> Keep, Admit
//
// A failure is remembered for a moment, so that a storm of the same record
// costs one call. Envelopes of strangers, under data keys that nobody knows,
// are charged to the allowance of their caller.
package source

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/keycache/datakeys"
	"github.com/sealmesh/sealmesh/keycache/keks"
)

// degradedAge is how long a data key may seal that fewer KEKs wrapped than the
// key names: it opens in fewer places, so it is replaced soon after the outage.
const degradedAge = time.Hour

// Options of a [Source]. All fields but Tracer and Store are required.
type Options struct {
	Shared   *datakeys.Shared // of all sources of a process
	Tracer   trace.Tracer     // client spans of provider and store calls; nil for none
	Parallel int              // see [keks.Options]
	Timeout  time.Duration    // of the provider calls of one unwrapping
	Rotate   hsm.Rotate       // with defaults filled in
	TTL      hsm.TTLs         // with defaults filled in
	Store    *StoreOptions    // nil for records in envelopes
}

// A Source gets the data keys of one configured key. Its exported fields do not
// change. Safe for concurrent use.
type Source struct {
	Name   string
	Use    hsm.Use
	Pinned *envelope.Record // the one data key of a key that is never rotated, or nil
	KEKs   *keks.Set
	Keys   *datakeys.Set
	Store  *RecordStore // nil when records are in envelopes

	now       func() time.Duration
	failed    *failures
	fleet     *fleet // nil without a store
	rotations [rotationReasons]atomic.Uint64
}

// New returns the source of a key. It asks no provider and no store.
func New(cfg *hsm.Key, opt Options) (*Source, error) {
	s := &Source{Name: cfg.Name, Use: cfg.Use, now: opt.Shared.Now}
	soft := opt.TTL.Soft
	var err error
	s.KEKs, err = keks.New(cfg, keks.Options{
		Now: s.now, Tracer: opt.Tracer, Parallel: opt.Parallel, Timeout: opt.Timeout,
		Vouched: soft - datakeys.VerifyAt(soft, opt.Timeout, 1),
	})
	if err != nil {
		return nil, err
	}
	if cfg.Record != nil {
		if s.Pinned, err = pinned(cfg, s.KEKs); err != nil {
			return nil, err
		}
	}
	if s.failed, err = newFailures(s.now); err != nil {
		return nil, err
	}
	s.Keys, err = datakeys.NewSet(opt.Shared, datakeys.Options{
		Soft: soft, Hard: opt.TTL.Hard, Timeout: opt.Timeout, Rotate: opt.Rotate, Pinned: s.Pinned != nil,
		KeepIdle: cfg.Use != hsm.SealOnly, // to verify a data key that only seals would make one that nobody wants
		Unwrap:   s.verify,
	})
	if err != nil || opt.Store == nil {
		return s, err
	}
	if s.Pinned != nil {
		return nil, fmt.Errorf("key %q: a pinned record does not belong in a store: remove store from the key", s.Name)
	}
	if s.Store, err = newRecordStore(*opt.Store, s, cfg.Context, opt.Tracer); err != nil {
		return nil, err
	}
	s.fleet = &fleet{Source: s}
	return s, nil
}

// pinned returns the record of a pinned key, which one of its KEKs wrapped.
func pinned(cfg *hsm.Key, by *keks.Set) (*envelope.Record, error) {
	r, err := envelope.ParseRecordText(cfg.Record)
	if err != nil {
		return nil, fmt.Errorf("key %q: the pinned record: %w", cfg.Name, err)
	}
	if err := by.CheckWraps(r.Wraps); err != nil {
		if hsm.ClassOf(err) == hsm.Unavailable {
			return nil, fmt.Errorf("key %q: the pinned record: %w", cfg.Name, err)
		}
		return nil, fmt.Errorf("key %q: the pinned record holds no wrap by any KEK of the key: add the KEK it was made with", cfg.Name)
	}
	return &r, nil
}

// Flush drops every data key and forgets all failures, so that the next use
// asks the KMS: an operator who flushes because a key is back does not want to
// wait.
func (s *Source) Flush() {
	s.Keys.Flush()
	s.failed.purge()
	if s.fleet != nil {
		s.fleet.flush()
	}
	s.KEKs.Reset()
}

// Stop cancels all background work. Wait returns once it has ended.
func (s *Source) Stop() {
	s.Keys.Flights.Stop()
	s.KEKs.Stop()
}

// Wait returns once no background work is left. Call it after Stop.
func (s *Source) Wait() {
	s.Keys.Flights.Wait()
	s.KEKs.Wait()
}

// newDataKey makes the ciphers of a data key, and gives it a lease.
func (s *Source) newDataKey(secret *hsm.Secret, r envelope.Record, asked time.Duration) (*datakeys.DataKey, error) {
	age := s.Keys.Rotate.Age
	if s.KEKs.Degraded(r.Wraps) {
		age = min(age, degradedAge)
	}
	return s.Keys.New(secret, r, asked, age)
}

// unwrap returns the data key of r, from a KEK.
func (s *Source) unwrap(ctx context.Context, r envelope.Record) (*datakeys.DataKey, error) {
	asked := s.now()
	secret, err := s.KEKs.Unwrap(ctx, r, keks.Unwrapping)
	if err != nil {
		return nil, err
	}
	defer secret.Destroy()
	if err := s.KEKs.CheckRevoked(ctx); err != nil {
		return nil, err
	}
	return s.newDataKey(secret, r, asked)
}

// verify asks for d again, for [datakeys.Options.Unwrap].
func (s *Source) verify(ctx context.Context, d *datakeys.DataKey) (*hsm.Secret, error) {
	secret, err := s.askAgain(ctx, d)
	if err != nil && !errors.Is(err, datakeys.ErrSuperseded) && hsm.ClassOf(err) != hsm.Unclear {
		s.failed.remember(d.Sum, err)
	}
	return secret, err
}

func (s *Source) askAgain(ctx context.Context, d *datakeys.DataKey) (*hsm.Secret, error) {
	if s.Use == hsm.SealOnly {
		// This process may not unwrap. A KMS that makes a new data key vouches for
		// the KEK as well, and the new data key seals from then on.
		if _, err := s.MakeSuccessor(d, trace.SpanContextFromContext(ctx)).Wait(ctx); err != nil {
			return nil, err
		}
		return nil, datakeys.ErrSuperseded
	}
	secret, err := s.KEKs.Unwrap(ctx, d.Record, keks.Verifying)
	if err != nil {
		return nil, err
	}
	if err := s.KEKs.Confirm(ctx, d.Record); err != nil {
		secret.Destroy()
		return nil, err
	}
	return secret, nil
}
