package source

import (
	"time"

	"github.com/sealmesh/sealmesh/keycache/calls"
)

// StoreStats are of the store of one key, since start.
type StoreStats struct {
	Failing bool         // the last call got no answer, or a refusal
	Inlined uint64       // data keys whose record went into envelopes because the store was unavailable, or lied
	Calls   []StoreCalls // of claim, find and get
}

// StoreCalls are of one operation. A record that is not there counts as
// corrupt.
type StoreCalls struct {
	Operation string
	Results   map[string]uint64 // see [calls.Counter.Results]
	Time      time.Duration     // of all calls together
}

// Last returns how the last call of the store ended; nil before the first call.
func (rs *RecordStore) Last() *calls.Last { return rs.answered.Load() }

// Stats returns the counters now.
func (rs *RecordStore) Stats() *StoreStats {
	s := &StoreStats{Inlined: rs.inlined.Load()}
	if last := rs.Last(); last != nil {
		s.Failing = last.Err != nil
	}
	for op := range putting { // only rewrap asks for the operations after these
		s.Calls = append(s.Calls, StoreCalls{
			Operation: operationNames[op],
			Results:   rs.calls[op].Results(),
			Time:      rs.calls[op].Time(),
		})
	}
	return s
}
