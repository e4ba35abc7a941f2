package keycache

import (
	"fmt"
	"time"

	"github.com/sealmesh/sealmesh/codec/suite"
	"github.com/sealmesh/sealmesh/keycache/calls"
	"github.com/sealmesh/sealmesh/keycache/keyuse"
	"go.opentelemetry.io/otel/trace"
)

// A shared is what the keys of a process share, and the caches that follow one
// another: a clock, the limits, and where key uses go. Safe for concurrent use.
type shared struct {
	recorder *keyuse.Recorder
	tracer   trace.Tracer
	timeout  time.Duration
	approved bool // only FIPS-approved suites seal and open
	start    time.Time
	parallel int // provider calls in flight, see slots
	lru      lru
	idling   *calls.Allowance // calls for data keys that nobody uses
	callers  *callers         // calls for data keys that nobody knows
}

func newShared(opt *Options) (*shared, error) {
	callers, err := newCallers(rememberedCallers)
	if err != nil {
		return nil, err
	}
	e := &shared{
		recorder: opt.Recorder,
		tracer:   opt.Tracer,
		timeout:  orDefault(opt.Timeout, DefaultTimeout),
		approved: opt.Approved,
		start:    time.Now(),
		parallel: orDefault(opt.Parallel, DefaultParallel),
		lru:      lru{max: orDefault(opt.MaxKeys, DefaultMaxKeys)},
		idling:   calls.NewAllowance(idleBurst, idleRate),
		callers:  callers,
	}
	return e, nil
}

// now is the time by which all bounds go: monotonic, since it was made. It
// does not count the time that a machine is suspended.
func (e *shared) now() time.Duration { return time.Since(e.start) }

// admits says why nothing is sealed or opened by the suite of that number, or nil.
func (e *shared) admits(id suite.ID) error {
	if !e.approved {
		return nil
	}
	s := suite.ByID(id)
	if s == nil || s.Approved {
		return nil
	}
	return fmt.Errorf("suite %s is not FIPS-approved, and the policy says fips: required: seal the value again by hkdf-aes-256-gcm, as sealmesh rewrap --reseal does under a policy without fips", s.Name)
}

// admit makes room for d among the data keys that open.
func (e *shared) admit(d *dataKey) {
	for _, leaving := range e.lru.add(d) {
		leaving.terms.evict(leaving, evicted)
	}
}
