package keks

import (
	"time"

	"github.com/sealmesh/sealmesh/keycache/calls"
)

// A Status is what an operator wants to know of one KEK of a key.
type Status struct {
	URI, Kind, Identity string      // the latter two are empty while the KEK could not be opened
	Former              bool        // a former target of an alias: it unwraps and wraps nothing
	Last                *calls.Last // nil before the first call
	Shut                bool        // not asked for a moment, because of how the last call ended
	Vouched             time.Time   // when it last made or unwrapped a data key; zero for never
	Denied              bool        // it denied when it was verified, and has not vouched since: the key stops
}

// Status returns the state of every KEK: those that wrap, in order of
// preference, then former targets of aliases, then those that could not be
// opened.
func (s *Set) Status() []Status {
	now := s.Now()
	var all []Status
	for _, kk := range s.KEKs {
		all = append(all, kk.status(now))
	}
	for _, kk := range s.Former {
		status := kk.status(now)
		status.Former = true
		all = append(all, status)
	}
	for _, a := range s.Unavailable {
		all = append(all, Status{URI: a.URI, Last: &calls.Last{Operation: "open", At: a.At, Err: a.Err}, Shut: true})
	}
	return all
}

func (kk *KEK) status(now time.Duration) Status {
	s := Status{
		URI: kk.URI, Kind: kk.Kind, Identity: kk.Identity,
		Last: kk.last.Load(), Shut: kk.gate.Shut(now) != nil, Denied: kk.denied.Load() != nil,
	}
	if at := kk.vouched.Load(); at != never {
		s.Vouched = time.Now().Add(time.Duration(at) - now)
	}
	return s
}

// Calls counts the calls of one operation of one KEK since start.
type Calls struct {
	KEK, Kind string            // as configured
	Operation string            // generate, wrap, unwrap; verify for unwrapping within the soft TTL
	Results   map[string]uint64 // see [calls.Counter.Results]
	Time      time.Duration     // of all calls together
}

// Calls returns the counters of every KEK and operation.
func (s *Set) Calls() []Calls {
	var all []Calls
	for _, kk := range s.All() {
		for op := range operations {
			all = append(all, Calls{
				KEK: kk.URI, Kind: kk.Kind, Operation: operationNames[op],
				Results: kk.calls[op].Results(), Time: kk.calls[op].Time(),
			})
		}
	}
	return all
}
