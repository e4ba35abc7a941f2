package datakeys

import (
	"math"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/sealmesh/sealmesh/hsm"
)

// aheadShare is the share of a budget, or of an age, after which a successor is
// made.
const aheadShare = 0.9

// A Lease says for how long, and how much, a data key seals. Its moments are
// constant once others see the data key.
type Lease struct {
	born, aheadAt, retireAt time.Duration
	uses, bytes             budget
	spent                   atomic.Bool // a claim of either failed
}

func (l *Lease) begin(now, age time.Duration, r hsm.Rotate) {
	l.born, l.retireAt = now, now+age
	l.aheadAt = l.born + time.Duration(float64(age)*(aheadShare-0.05*rand.Float64()))
	l.uses.limit, l.bytes.limit = r.Uses, r.Bytes
}

// never gives the lease of a data key that is never rotated.
func (l *Lease) never(now time.Duration) {
	l.born, l.aheadAt, l.retireAt = now, math.MaxInt64, math.MaxInt64
	l.uses.limit, l.bytes.limit = math.MaxUint64, math.MaxUint64
}

// RetireWithin ends the lease after a time from its begin at the latest. The
// successor is made in the last part, ahead, of that time.
func (l *Lease) RetireWithin(age, ahead time.Duration) {
	l.RetireAfter(min(l.retireAt-l.born, age), ahead)
}

// RetireAfter ends the lease after a time from its begin, as RetireWithin does.
func (l *Lease) RetireAfter(age, ahead time.Duration) {
	l.retireAt = l.born + age
	l.aheadAt = l.retireAt - time.Duration((0.5+0.5*rand.Float64())*float64(ahead))
}

// Continue counts on from an earlier lease of the same data key.
func (l *Lease) Continue(last *Lease) {
	l.uses.used.Store(last.uses.used.Load())
	l.bytes.used.Store(last.bytes.used.Load())
	l.spent.Store(last.spent.Load())
}

// Ahead reports whether the age of the data key asks for a successor.
func (l *Lease) Ahead(now time.Duration) bool { return now >= l.aheadAt }

// UsesLow and BytesLow report whether a budget asks for a successor.
func (l *Lease) UsesLow() bool  { return l.uses.low() }
func (l *Lease) BytesLow() bool { return l.bytes.low() }

// Spent reports whether a value found a budget used up.
func (l *Lease) Spent() bool { return l.spent.Load() }

// Age returns how long ago the lease began.
func (l *Lease) Age(now time.Duration) time.Duration { return now - l.born }

// Used returns how many values and bytes sessions have claimed.
func (l *Lease) Used() (uses, bytes uint64) { return l.uses.used.Load(), l.bytes.used.Load() }

// MaySeal reports whether d is within its hard TTL and its lease.
func (d *DataKey) MaySeal(now time.Duration) bool { return d.Usable(now) && now < d.retireAt }

// A budget is a number that is never exceeded: uses or bytes of a data key, or
// messages of a cipher. It is claimed in blocks, so that sessions do not
// contend for it value by value. A session gives back what it did not need.
type budget struct {
	limit uint64
	used  atomic.Uint64
}

// claim takes between need and want, or nothing when less than need is left.
// Near the end it gives small blocks, so that the last part is shared.
func (b *budget) claim(need, want uint64) uint64 {
	for {
		used := b.used.Load()
		left := b.limit - used
		if left < need {
			return 0
		}
		n := max(need, min(want, left/8))
		if b.used.CompareAndSwap(used, used+n) {
			return n
		}
	}
}

// giveBack returns part of a claim.
func (b *budget) giveBack(n uint64) { b.used.Add(-n) }

// low reports whether a successor is wanted.
func (b *budget) low() bool {
	return float64(b.used.Load()) >= aheadShare*float64(b.limit)
}
