package keycache

import "sync/atomic"

// aheadShare is the share of a budget after which its successor is made.
const aheadShare = 0.9

// A budget is a number that is never exceeded: uses or bytes of a data key, or
// messages of a cipher. It is claimed in blocks, so that sessions do not contend
// for it value by value, and what a session did not need it gives back.
type budget struct {
	limit uint64
	used  atomic.Uint64
}

// claim takes between need and want, or nothing when less than need is left.
// Near the end it gives small blocks, so that the last of it is shared.
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

// low reports whether a successor is due.
func (b *budget) low() bool {
	return float64(b.used.Load()) >= aheadShare*float64(b.limit)
}
