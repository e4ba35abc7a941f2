// Package attachment watches whether Envoy sends sealmesh what the policy
// protects. Envoy may be healthy, and sealmesh too, while a route has lost its
// ext_proc filter and values pass in clear.
//
// It asks Envoy's admin endpoint two things. The configuration that Envoy has
// (/config_dump) is checked as "sealmesh check --envoy" does it. The requests
// that Envoy has sent to the service, for each route that [bootstrap] names in
// Envoy's stats, are compared with the exchanges that sealmesh has counted:
// requests that have passed without an exchange are unmediated.
package attachment

import (
	"context"
	"crypto/sha256"
	"maps"
	"sync/atomic"
	"time"

	"github.com/sealmesh/sealmesh/proxy/envoycheck"
	"github.com/sealmesh/sealmesh/proxy/policy"
)

const (
	// every is how often Envoy is asked.
	every = 2 * time.Second
	// atMost is the largest share of the time that a look may take, as a divisor.
	// An Envoy with thousands of routes is asked less often.
	atMost = 5
	// timeout is how long Envoy may take to answer.
	timeout = 5 * time.Second
)

// A State is what was seen at the last look. Immutable.
type State struct {
	At time.Time // zero before the first look
	// Err is why Envoy could not be asked, nil if it could.
	Err error
	// Findings are what lets values pass in clear in Envoy's configuration, or
	// hides whether it does.
	Findings []envoycheck.Finding
	// Unmediated counts requests that the service got without sealmesh, since the
	// process began, by route of the policy. It may count too few.
	Unmediated map[string]uint64
	// Passing says that such requests passed since the look before.
	Passing bool
}

// Mediated reports whether nothing is known to pass sealmesh by.
func (s *State) Mediated() bool {
	return !s.At.IsZero() && s.Err == nil && len(s.Findings) == 0 && !s.Passing
}

// Counts are what sealmesh has counted.
type Counts struct {
	Exchanges func(route string) uint64
	Active    func() int64 // exchanges in flight
}

// A Watcher watches one Envoy. State may be called at any time.
type Watcher struct {
	envoy  *admin
	policy func() *policy.Policy
	counts Counts
	state  atomic.Pointer[State]

	checked  *policy.Policy // that findings are about
	dump     [sha256.Size]byte
	findings []envoycheck.Finding
	meters   map[string][]meter // of each route in Envoy's stats, the oldest first
}

// New returns a watcher of the Envoy whose admin endpoint is at addr: host:port
// or unix:///path. policy returns the policy in force.
func New(addr string, policy func() *policy.Policy, counts Counts) *Watcher {
	w := &Watcher{envoy: newAdmin(addr), policy: policy, counts: counts, meters: map[string][]meter{}}
	w.state.Store(new(State))
	return w
}

// State returns what was seen at the last look.
func (w *Watcher) State() *State { return w.state.Load() }

// Watch looks again and again until ctx ends. It calls changed after each look
// after which Mediated differs.
func (w *Watcher) Watch(ctx context.Context, changed func(*State)) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		before, began := w.State(), time.Now()
		w.Look(ctx)
		if now := w.State(); ctx.Err() == nil && (before.At.IsZero() || before.Mediated() != now.Mediated()) {
			changed(now)
		}
		timer.Reset(max(every, atMost*time.Since(began)))
	}
}

// Look asks Envoy once. It must not be called concurrently.
func (w *Watcher) Look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	next := &State{At: time.Now(), Unmediated: w.State().Unmediated}
	p := w.policy()
	if err := w.check(ctx, p); err != nil {
		next.Err = err
	}
	next.Findings = w.findings
	passed, err := w.compare(ctx, p)
	if err != nil {
		next.Err = err
	}
	if len(passed) > 0 {
		next.Passing, next.Unmediated = true, sum(next.Unmediated, passed)
	}
	w.state.Store(next)
}

// check checks Envoy's configuration, if it or the policy has changed.
func (w *Watcher) check(ctx context.Context, p *policy.Policy) error {
	dump, err := w.envoy.get(ctx, "/config_dump?include_eds")
	if err != nil {
		return err
	}
	hash := sha256.Sum256(dump)
	if p == w.checked && hash == w.dump {
		return nil
	}
	all, err := envoycheck.Check(p, dump)
	if err != nil {
		return err
	}
	w.checked, w.dump, w.findings = p, hash, nil
	for _, f := range all {
		if f.Kind != envoycheck.Breaks {
			w.findings = append(w.findings, f)
		}
	}
	return nil
}

func sum(a, b map[string]uint64) map[string]uint64 {
	all := maps.Clone(b)
	for k, n := range a {
		all[k] += n
	}
	return all
}

// Problems says in words what makes s not mediated.
func (s *State) Problems() []string {
	var all []string
	if s.At.IsZero() {
		all = append(all, "Envoy has not been asked yet")
	}
	if s.Err != nil {
		all = append(all, s.Err.Error())
	}
	for _, f := range s.Findings {
		all = append(all, f.String())
	}
	if s.Passing {
		all = append(all, "requests to routes with rules reach the service without sealmesh: compare sealmesh_unmediated_requests_total by route, and look for routes and listeners without the ext_proc filter")
	}
	return all
}
