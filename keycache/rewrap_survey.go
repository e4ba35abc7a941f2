package keycache

import (
	"slices"

	"github.com/sealmesh/sealmesh/codec/suite"
)

// A Survey is what a dry run learns of one envelope.
type Survey struct {
	What  Wrapping
	Suite suite.ID
	ByID  bool     // it names its data key and carries no record
	KEKs  []string // URIs of the key's KEKs that wrapped it, in the key's order
	Other int      // wraps by KEKs that the key does not name
	Calls int      // of KEKs, that the first envelope of each data key costs
}

// Survey says what [Rewrapper.Rewrap] would find and do. It asks no KEK, and takes
// each data key for one that the first of its KEKs unwraps. Its error is that of envelope.Parse.
func (r *Rewrapper) Survey(text []byte) (Survey, error) {
	h, _, record, err := r.parse(text)
	if err != nil {
		return Survey{}, err
	}
	s := Survey{Suite: h.Suite, ByID: record == nil}
	if record == nil {
		s.What = Elsewhere
		return s, nil
	}
	for _, kk := range r.key.keks {
		if wrapBy(record.Wraps, kk) != nil {
			s.KEKs = append(s.KEKs, kk.URI)
		}
	}
	s.Other = len(record.Wraps) - len(s.KEKs)
	if s.What = r.look(record.Wraps); s.What != Outdated || r.counted.Contains(record.Commitment) {
		return s, nil
	}
	r.counted.Add(record.Commitment, struct{}{})
	s.Calls = 1
	for _, kk := range r.targets {
		if !slices.Contains(s.KEKs, kk.URI) {
			s.Calls++
		}
	}
	return s, nil
}
