package proxy

import (
	"errors"
	"sync"

	"github.com/sealmesh/sealmesh/keycache/keyuse"
	"github.com/sealmesh/sealmesh/proxy/policy"
)

const (
	// footing is what an exchange is charged when it begins, in bytes: for its
	// own state, the buffers of the transport, and the first bytes of both
	// bodies. An ordinary exchange never needs more, so that its response has
	// room before its request is forwarded.
	footing = 64 << 10
	// within is how many held bytes of each body footing covers.
	within = 16 << 10
	// DefaultMemory is the budget where neither the policy nor Go's memory limit
	// sets one, in bytes.
	DefaultMemory = 512 << 20
	// idleCallers is how many callers are remembered before those without an
	// exchange are forgotten.
	idleCallers = 1024
)

var (
	errMemory  = errors.New("held bodies use all of limits.memory")
	errStreams = errors.New("exchanges of one caller use its limits.caller_share of limits.streams")
	errShare   = errors.New("bodies of one caller use its limits.caller_share of limits.memory")
)

// A budget limits the memory that all exchanges together use for bodies, and
// the share of memory and exchanges that one caller may use. Safe for
// concurrent use.
type budget struct {
	fallback int64 // memory where the policy sets none, in bytes

	mu      sync.Mutex
	used    int64 // bytes
	callers map[string]*account
}

// An account counts what the exchanges of one caller use. The budget's mu
// guards it.
type account struct {
	caller  string
	used    int64
	streams int
	// network is the account of an IPv6 address's network, which has the share;
	// nil for other callers. A host in a network can use all its addresses, and
	// would have a share with each.
	network *account
}

// share returns the account whose share a uses.
func (a *account) share() *account {
	if a.network != nil {
		return a.network
	}
	return a
}

func newBudget() *budget {
	return &budget{fallback: DefaultMemory, callers: make(map[string]*account)}
}

// enter counts an exchange of caller until leave, even if it returns an error.
func (b *budget) enter(caller []byte, l *policy.Limits) (*account, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	a := b.callers[string(caller)]
	if a == nil {
		a = b.open(string(caller))
	}
	if a.streams++; a.network != nil {
		a.network.streams++
	}
	if a.caller != "" && a.share().streams > max(1, int(percent(int64(l.Streams), l.CallerShare))) {
		b.take(a, footing)
		return a, errStreams
	}
	err := b.checkRoom(a, footing, l)
	b.take(a, footing)
	return a, err
}

// open adds the account of a caller, and the account of its network.
func (b *budget) open(caller string) *account {
	if len(b.callers) >= idleCallers {
		b.sweep()
	}
	a := &account{caller: caller}
	if all := keyuse.Household(caller); all != caller {
		if a.network = b.callers[all]; a.network == nil {
			a.network = &account{caller: all}
			b.callers[all] = a.network
		}
	}
	b.callers[caller] = a
	return a
}

// sweep forgets callers without an exchange.
func (b *budget) sweep() {
	for name, a := range b.callers {
		if a.streams == 0 {
			delete(b.callers, name)
		}
	}
}

// grow charges n more bytes to a. Without force it fails when there is no room.
func (b *budget) grow(a *account, n int64, l *policy.Limits, force bool) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if n > 0 && !force {
		if err := b.checkRoom(a, n, l); err != nil {
			return err
		}
	}
	b.take(a, n)
	return nil
}

// leave ends an exchange that was charged n bytes.
func (b *budget) leave(a *account, n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if a.streams--; a.network != nil {
		a.network.streams--
	}
	b.take(a, -n)
}

func (b *budget) take(a *account, n int64) {
	a.share().used += n
	b.used += n
}

// checkRoom fails if n more bytes exceed the budget or the caller's share.
// Callers that Envoy does not name are one account, and have no share.
func (b *budget) checkRoom(a *account, n int64, l *policy.Limits) error {
	most := l.Memory
	if most == 0 {
		most = b.fallback
	}
	switch {
	case b.used+n > most:
		return errMemory
	case a.caller != "" && a.share().used+n > percent(most, l.CallerShare):
		return errShare
	}
	return nil
}

// percent returns share per cent of n. It does not overflow.
func percent(n int64, share int) int64 { return n/100*int64(share) + n%100*int64(share)/100 }

// held returns how many bytes are charged.
func (b *budget) held() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.used
}

// enter counts x as an exchange of caller.
func (x *exchange) enter(caller []byte) (err error) {
	x.account, err = x.srv.budget.enter(caller, &x.rt.policy.Limits)
	x.charged = footing
	return overdrawn(err)
}

// charge charges n more bytes to the caller. Without force it refuses when
// there is no room. A response is charged with force: the service has acted.
func (x *exchange) charge(n int64, force bool) error {
	if err := x.srv.budget.grow(x.account, n, &x.rt.policy.Limits, force); err != nil {
		return overdrawn(err)
	}
	x.charged += n
	return nil
}

// overdrawn refuses for lack of room. A caller that uses up its own share is
// not an operator's emergency.
func overdrawn(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errMemory):
		return refuse(codeBusy, err)
	}
	return refuse(codeShare, err)
}
