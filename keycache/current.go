package keycache

import (
	"context"
	"time"

	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/codec/suite"
	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/keycache/flight"
	"go.opentelemetry.io/otel/trace"
)

// makingFlight is the id under which a key's next data key is made. No SHA-256
// of a record is known to be zero.
var makingFlight flight.ID

// Blocks in which sessions claim uses and bytes. The first is small because most
// sessions seal a few values; each further one is twice the last.
const (
	firstBlock = 16
	lastBlock  = 1024
	bytesBlock = 64 << 10
)

// A grant is a session's right to seal so many values, and so many bytes, under
// one data key.
type grant struct {
	key         *key
	suite       suite.ID
	d           *dataKey
	c           *cipher
	sealer      *envelope.Sealer
	uses, bytes uint64 // left
	block       uint64 // uses to claim next time
	state       cacheState
}

// covers reports whether the grant reaches for one more value of n bytes.
func (g *grant) covers(n uint64) bool { return g.uses > 0 && g.bytes >= n }

// claim takes a block of d's budgets for a value of n bytes. With none left it
// returns false and has taken nothing; renew says that it was the cipher's.
func (g *grant) claim(d *dataKey, n uint64) (ok, renew bool) {
	c := d.cipher(g.suite)
	if c == nil {
		return false, false
	}
	g.block = min(max(2*g.block, firstBlock), lastBlock)
	uses := d.uses.claim(1, g.block)
	if uses == 0 {
		return false, false
	}
	messages := c.messages.claim(1, uses)
	d.uses.giveBack(uses - messages)
	if messages == 0 {
		return false, true
	}
	bytes := d.bytes.claim(n, max(n, bytesBlock))
	if bytes < n {
		c.messages.giveBack(messages)
		d.uses.giveBack(messages)
		return false, false
	}
	g.d, g.c, g.uses, g.bytes = d, c, messages, bytes
	return true, false
}

// release gives back what was not used.
func (g *grant) release() {
	if g.d == nil {
		return
	}
	g.d.uses.giveBack(g.uses)
	g.c.messages.giveBack(g.uses)
	g.d.bytes.giveBack(g.bytes)
	g.d, g.c, g.sealer, g.uses, g.bytes = nil, nil, nil, 0, 0
}

// acquire fills g for a value of n bytes: from the current data key while that
// has room, else from its successor, for which it waits.
func (s *Session) acquire(g *grant, n uint64) error {
	if n > g.key.rotate.Bytes && g.key.pinned == nil {
		return errTooLarge
	}
	g.release()
	g.state = hit
	for {
		done, err := s.tryAcquire(g, n)
		if err != nil && err != errEvicted && err != errKeep {
			return err
		}
		if done {
			return nil
		}
	}
}

// tryAcquire fills g, or waits for what it takes to try again.
func (s *Session) tryAcquire(g *grant, n uint64) (done bool, err error) {
	k := g.key
	d := k.current.Load()
	if d == nil || !d.maySeal(s.st.now) {
		g.state = miss
		_, err = s.wait(k.succeed(d, s.st.parent))
		return false, err
	}
	state, err := s.settle(k, d)
	if err != nil {
		return false, err
	}
	k.ahead(d, s.st.now, s.st.parent)
	ok, renew := g.claim(d, n)
	if ok {
		g.state = max(g.state, state)
		g.sealer, err = g.c.sealer(d)
		return true, err
	}
	g.state = miss
	next := k.succeed
	if renew {
		next = k.refresh // which replaces the cipher
	} else {
		d.spent.Store(true)
	}
	_, err = s.wait(next(d, s.st.parent))
	return false, err
}

// ahead has a successor made before d is used up or too old, so that nobody waits.
func (k *key) ahead(d *dataKey, now time.Duration, parent trace.SpanContext) {
	if k.pinned == nil && (now >= d.aheadAt || d.uses.low() || d.bytes.low()) {
		k.succeed(d, parent)
	}
}

// succeed makes the data key that seals after d, which is nil at first.
func (k *key) succeed(d *dataKey, parent trace.SpanContext) *flight.Flight[*dataKey] {
	return k.flights.Join(makingFlight, parent, func(ctx context.Context) (*dataKey, error) {
		if c := k.current.Load(); c != nil && c != d && c.maySeal(k.shared.now()) {
			return c, nil // the flight before this one made it
		}
		return k.next(ctx, d)
	})
}

func (k *key) next(ctx context.Context, old *dataKey) (*dataKey, error) {
	if err := k.remembered(makingFlight); err != nil {
		return nil, err
	}
	for {
		epoch := k.epoch.Load()
		d, err := k.makeOrUnpin(ctx, old)
		if err != nil {
			k.remember(makingFlight, err)
			return nil, err
		}
		if k.keep(d, epoch) {
			k.promote(d, old)
			return d, nil
		}
	}
}

func (k *key) makeOrUnpin(ctx context.Context, old *dataKey) (*dataKey, error) {
	if k.pinned != nil {
		return k.unwrapNew(ctx, *k.pinned)
	}
	if k.use == hsm.OpenOnly {
		return nil, errOpenOnly
	}
	if k.shelf != nil {
		return k.share(ctx, old)
	}
	return k.generate(ctx)
}

// generate makes a data key.
func (k *key) generate(ctx context.Context) (*dataKey, error) {
	secret, r, asked, err := k.keks.Generate(ctx)
	if err != nil {
		return nil, err
	}
	defer secret.Destroy()
	return k.newDataKey(secret, r, asked)
}

// promote has d seal from now on. Its predecessor still opens, while it is wanted.
func (k *key) promote(d, old *dataKey) {
	k.stats.rotations[rotationReason(old, k.shared.now())].Add(1)
	before := k.current.Swap(d)
	if before != nil && before.usable(k.shared.now()) {
		k.shared.admit(before)
	}
}

// maySeal reports whether d is within its hard TTL and its age.
func (d *dataKey) maySeal(now time.Duration) bool {
	return d.usable(now) && now < d.retireAt
}
