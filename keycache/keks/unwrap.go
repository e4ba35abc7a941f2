package keks

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/hsm"
)

// ErrNoWrap is the cause when no KEK of a key wrapped a record.
var ErrNoWrap = errors.New("the record holds no wrap by a KEK of this key")

// A Candidate is a wrap, and the KEK that the wrap names.
type Candidate struct {
	KEK     *KEK
	Wrapped []byte
}

// Candidates pairs wraps with the configured KEKs, in order of the KEKs, former
// targets of aliases last. Wraps by other KEKs are ignored: nothing is
// discovered from an envelope.
func (s *Set) Candidates(wraps []envelope.Wrap) []Candidate {
	var cs []Candidate
	for _, kk := range s.All() {
		for _, w := range wraps {
			if kk.Made(w) {
				cs = append(cs, Candidate{kk, w.Wrapped})
			}
		}
	}
	return cs
}

// CheckWraps returns an error unless a KEK of the set made one of wraps. The
// record is forged then, unless a KEK that is unavailable may have wrapped it.
func (s *Set) CheckWraps(wraps []envelope.Wrap) error {
	if len(s.Candidates(wraps)) > 0 {
		return nil
	}
	return noWrap(s.Unavailable)
}

func noWrap(unavailable []hsm.UnavailableKEK) error {
	if len(unavailable) == 0 {
		return &hsm.Error{Class: hsm.Corrupt, Operation: "unwrap", Err: ErrNoWrap,
			Hint: "it is forged, or its KEK is missing in the policy: `sealmesh inspect` shows references; of an alias that was pointed elsewhere, former= names the key that it stood for"}
	}
	return &hsm.Error{Class: hsm.Unavailable, Operation: "unwrap",
		Err: fmt.Errorf("%w, and %d more could not be opened: %s", ErrNoWrap, len(unavailable), unavailable[0].Err.Error())}
}

// Unwrap returns the data key of a record, from the first KEK that answers. op
// is Unwrapping, or Verifying. Only a failure that may pass lets the next KEK
// be asked: a denial is an answer. If all fail so, the error is one that was
// unclear, if any was. The caller destroys the secret.
func (s *Set) Unwrap(ctx context.Context, r envelope.Record, op Operation) (*hsm.Secret, error) {
	cs := s.Candidates(r.Wraps)
	if len(cs) == 0 {
		return nil, noWrap(s.Unavailable)
	}
	timeout := s.Timeout / time.Duration(len(cs))
	var failed error
	for _, c := range cs {
		secret, err := c.KEK.unwrap(ctx, c.Wrapped, r.Commitment, op, timeout)
		if err == nil {
			return secret, nil
		}
		failed = clearer(failed, err)
		if !passing(err) {
			return nil, err
		}
	}
	return nil, failed
}

// passing reports whether another KEK is asked after one that failed so.
func passing(err error) bool { return hsm.ClassOf(err).Passing() }

// clearer returns which of two failures to get one answer says more. An unclear
// answer may be a refusal, and no other KEK's outage excuses it.
func clearer(x, y error) error {
	if x != nil && hsm.ClassOf(x) == hsm.Unclear {
		return x
	}
	return y
}

// gravest returns which of two failures decides whether sealing may continue: a
// denial, then what only an operator can fix, then what may pass.
func gravest(x, y error) error {
	switch {
	case x == nil || hsm.ClassOf(y) == hsm.Denied:
		return y
	case !passing(x):
		return x
	case !passing(y):
		return y
	default:
		return clearer(x, y)
	}
}
