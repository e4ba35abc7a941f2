package proxy

import (
	"errors"
	"sync"

	"github.com/sealmesh/sealmesh/keycache/keyuse"
	"github.com/sealmesh/sealmesh/proxy/policy"
)

const (
	// footing is what an exchange is charged when it begins: its own state, the buffers
	// of the transport, and the first bytes of both bodies. An ordinary exchange never
	// asks for more, and its response has a place before its request goes on.
	footing = 64 << 10
	// within is how many bytes that are held of either body footing covers.
	within = 16 << 10
	// DefaultMemory is the budget where neither the policy nor the collector's limit
	// gives one, in bytes.
	DefaultMemory = 512 << 20
	// idleCallers is how many callers without an exchange are remembered.
	idleCallers = 1024
)

var (
	errMemory  = errors.New("the bodies that are held take limits.memory")
	errStreams = errors.New("one caller's exchanges take limits.caller_share of limits.streams")
	errShare   = errors.New("one caller's bodies take limits.caller_share of limits.memory")
)

// A budget is the memory that all exchanges together may hold of bodies, and the
// share that each caller has of memory and of exchanges. Safe for concurrent use.
type budget struct {
	fallback int64 // bytes, where the policy says nothing

	mu      sync.Mutex
	used    int64 // bytes
	callers map[string]*account
}

// An account is what the exchanges of one caller take. The budget's mu guards it.
type account struct {
	caller  string
	used    int64
	streams int
	// network, not nil for an IPv6 address, has the share: who has one address of a
	// network has them all, and could take a share with each.
	network *account
}

// share returns whose share a takes from.
func (a *account) share() *account {
	if a.network != nil {
		return a.network
	}
	return a
}

func newBudget() *budget {
	return &budget{fallback: DefaultMemory, callers: make(map[string]*account)}
}

// enter counts an exchange of caller in. What is refused is counted in too, until leave.
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
	err := b.room(a, footing, l)
	b.take(a, footing)
	return a, err
}

// open makes the account of a caller, and that of its network.
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

// sweep forgets the callers that have no exchange.
func (b *budget) sweep() {
	for name, a := range b.callers {
		if a.streams == 0 {
			delete(b.callers, name)
		}
	}
}

// grow charges a with n bytes more, unless there is no room. With force there is.
func (b *budget) grow(a *account, n int64, l *policy.Limits, force bool) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if n > 0 && !force {
		if err := b.room(a, n, l); err != nil {
			return err
		}
	}
	b.take(a, n)
	return nil
}

// leave counts an exchange out that was charged n bytes.
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

// room reports whether n bytes more fit into the whole and into the caller's share. A
// caller that Envoy does not name is everybody, and has no share.
func (b *budget) room(a *account, n int64, l *policy.Limits) error {
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

// percent is share per cent of n, for any n.
func percent(n int64, share int) int64 { return n/100*int64(share) + n%100*int64(share)/100 }

// held returns how many bytes are charged now.
func (b *budget) held() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.used
}
