package keycache

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/sealmesh/sealmesh/codec/suite"
	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/keycache/datakeys"
	"github.com/sealmesh/sealmesh/keycache/keyuse"
	"github.com/sealmesh/sealmesh/keycache/source"
)

// A shared is what the keys of a process share, and the caches that follow one
// another: a clock, the limits, and where key uses go. Safe for concurrent use.
type shared struct {
	recorder *keyuse.Recorder
	tracer   trace.Tracer
	timeout  time.Duration
	parallel int
	start    time.Time
	dataKeys *datakeys.Shared
	callers  *callers // what each caller may look for in vain
}

func newShared(opt *Options) (*shared, error) {
	callers, err := newCallers(rememberedCallers)
	if err != nil {
		return nil, err
	}
	s := &shared{
		recorder: opt.Recorder,
		tracer:   opt.Tracer,
		timeout:  orDefault(opt.Timeout, DefaultTimeout),
		parallel: orDefault(opt.Parallel, DefaultParallel),
		start:    time.Now(),
		callers:  callers,
	}
	s.dataKeys = datakeys.NewShared(s.now, orDefault(opt.MaxKeys, DefaultMaxKeys), opt.Approved)
	return s, nil
}

// now is the clock of all TTLs and leases: monotonic, since s was made. It does
// not count the time that a machine is suspended.
func (s *shared) now() time.Duration { return time.Since(s.start) }

// checkSuite returns why nothing is sealed or opened by the suite of that
// number, or nil.
func (s *shared) checkSuite(id suite.ID) error {
	if !s.dataKeys.Approved {
		return nil
	}
	of := suite.ByID(id)
	if of == nil || of.Approved {
		return nil
	}
	return fmt.Errorf("suite %s is not FIPS-approved, and the policy says fips: required: seal the value again by hkdf-aes-256-gcm, as sealmesh rewrap --reseal does under a policy without fips", of.Name)
}

// A key is one configured key: where its data keys come from, and what caches,
// tags and sessions make of it.
type key struct {
	*source.Source
	caches atomic.Int64 // how many have it
	stats  keyStats

	mu     sync.Mutex
	suites []*suite.Suite // that tags use
}

func (c *Cache) newKey(cfg *hsm.Key, stores map[string]source.StoreOptions) (*key, error) {
	rotate, ttl, err := resolve(cfg)
	if err != nil {
		return nil, err
	}
	opt := source.Options{
		Shared: c.dataKeys, Tracer: c.tracer, Parallel: c.parallel, Timeout: c.timeout, Rotate: rotate, TTL: ttl,
	}
	if s, ok := stores[cfg.Name]; ok {
		opt.Store = &s
	}
	s, err := source.New(cfg, opt)
	if err != nil {
		return nil, err
	}
	k := &key{Source: s}
	k.caches.Store(1)
	return k, nil
}

// useSuite notes that a tag seals by s.
func (k *key) useSuite(s *suite.Suite) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !slices.Contains(k.suites, s) {
		k.suites = append(k.suites, s)
	}
}

func (k *key) usedSuites() []*suite.Suite {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.suites)
}
