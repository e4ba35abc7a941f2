package keks

import (
	"context"
	"errors"
	"fmt"

	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/hsm"
)

var errNotWrapped = errors.New("the KEK did not wrap the data key that seals now")

// Describe asks each KEK to describe itself. It stands in for [Set.Prove] where
// this process may not make a data key. One KEK that answers is enough, unless
// another denies.
func (s *Set) Describe(ctx context.Context) error {
	answered := false
	var failed error
	for _, kk := range s.KEKs {
		var err error
		if about, ok := kk.Provider.(hsm.Describer); ok {
			_, err = about.Describe(ctx)
		}
		if err == nil {
			answered = true
		} else {
			failed = gravest(failed, err)
		}
	}
	if answered && hsm.ClassOf(failed) != hsm.Denied {
		return nil
	}
	return failed
}

// Prove unwraps the data key of r by each KEK that wrapped it. KEKs without a
// clear answer are passed over while the quorum unwraps. pinned says that the
// record was made elsewhere: its maker chose the KEKs, and one that unwraps is
// enough.
func (s *Set) Prove(ctx context.Context, r envelope.Record, pinned bool) error {
	proven := 0
	var silent error
	for _, kk := range s.KEKs {
		err := kk.prove(ctx, r, pinned)
		switch {
		case err == nil:
			proven++
		case passing(err):
			silent = clearer(silent, err)
		default:
			return fmt.Errorf("KEK %s: %w", kk.URI, err)
		}
	}
	if proven < s.Quorum && (!pinned || proven == 0) {
		return fmt.Errorf("%d of %d KEKs unwrap the data key, quorum %d: %w", proven, len(s.KEKs), s.Quorum, silent)
	}
	return nil
}

func (kk *KEK) prove(ctx context.Context, r envelope.Record, pinned bool) error {
	if w := kk.WrapIn(r.Wraps); w != nil {
		return kk.Opens(ctx, w.Wrapped, r.Commitment, Verifying)
	}
	if pinned {
		return nil
	}
	// It did not wrap. How that ended is the answer.
	if last := kk.last.Load(); last != nil && last.Err != nil {
		return last.Err
	}
	return errNotWrapped
}
