package rewrap

import (
	"context"

	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/codec/suite"
	"github.com/sealmesh/sealmesh/keycache/keks"
)

// A Survey is what a dry run learns of one envelope, or of one record in a
// store.
type Survey struct {
	Status Status
	Suite  suite.ID // 0 for a record in a store
	ByID   bool     // the envelope names its data key and carries no record
	KEKs   []string // URIs of the key's KEKs that wrapped it, in the key's order
	Other  int      // wraps by KEKs that the key does not name
	Calls  int      // of KEKs, that the first envelope of each data key costs
}

// Survey says what [Rewrapper.Rewrap] would find and do. It asks no KEK. It
// asks the store only for records that would be put into envelopes. It assumes
// that the first KEK of each record unwraps, and that all wraps are good.
// Errors are as Rewrap's.
func (r *Rewrapper) Survey(ctx context.Context, text []byte) (Survey, error) {
	p, err := r.read(ctx, text)
	if err != nil {
		return Survey{}, err
	}
	s := Survey{Status: p.status}
	if p.record != nil {
		s = r.survey(p.record, p.status)
	}
	s.Suite, s.ByID = p.Suite, p.Record == nil
	return s, nil
}

func (r *Rewrapper) survey(record *envelope.Record, status Status) Survey {
	s := Survey{Status: status}
	var by *keks.KEK // unwraps
	for _, kk := range r.key.KEKs.All() {
		if kk.WrapIn(record.Wraps) == nil {
			continue
		}
		s.KEKs = append(s.KEKs, kk.URI)
		if by == nil {
			by = kk
		}
	}
	s.Other = len(record.Wraps) - len(s.KEKs)
	if status != Outdated || r.counted.Contains(record.Commitment) {
		return s
	}
	r.counted.Add(record.Commitment, struct{}{})
	s.Calls = 1
	targets, _ := r.wants(record.Wraps)
	for _, kk := range targets {
		switch {
		case r.renewal:
			s.Calls += 2 // the new wrap is proven
		case !kk.Same(by):
			s.Calls++
		}
	}
	return s
}
