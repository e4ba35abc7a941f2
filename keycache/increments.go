package keycache

import (
	"sync"
	"time"

	"github.com/sealmesh/sealmesh/keycache/keyuse"
)

// incrementEvery is how often additions to a recorded use are recorded.
const incrementEvery = time.Second

// increments are the additions to recorded uses of a streamed direction, whose
// chunks have left. A timer records them, even while the stream is idle. Room
// in the record is reserved for each before its chunk leaves.
type increments struct {
	recorder *keyuse.Recorder
	exchange keyuse.Exchange

	mu      sync.Mutex
	account account
	room    keyuse.Reservation
	timer   *time.Timer
}

// increments returns the session's increments, and makes them first if need be.
func (s *Session) increments() *increments {
	if s.st.later == nil {
		n := &increments{recorder: s.c.recorder, exchange: s.st.exchange}
		n.timer = time.AfterFunc(incrementEvery, n.flush)
		n.timer.Stop()
		s.st.later = n
	}
	return s.st.later
}

// reserve reserves room for the increments in a, and reports whether they can
// wait. The caller holds n.mu, and keeps it until it has taken them.
func (n *increments) reserve(a *account) bool {
	count := 0
	for _, i := range a.touched {
		if a.uses[i].Partial && !n.account.owes(a.tallies[i].id) {
			count++
		}
	}
	room, err := n.recorder.Reserve(n.room, count)
	if err == nil {
		n.room = room
	}
	return err == nil
}

// take adds use i of a. The caller holds n.mu.
func (n *increments) take(a *account, i int) {
	if len(n.account.touched) == 0 {
		n.timer.Reset(incrementEvery)
	}
	a.move(i, &n.account)
}

func (n *increments) flush() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.record(time.Now().UnixNano(), "")
}

// record records what waits. Room is reserved for it, so the recorder counts
// any failure as a lost record.
func (n *increments) record(wall int64, failure string) {
	a := &n.account
	if len(a.touched) == 0 && n.room == (keyuse.Reservation{}) {
		return
	}
	a.batch = a.batch[:0]
	for _, i := range a.touched {
		a.complete(i, wall, failure)
		a.count(i)
		a.carryOver(i)
	}
	_ = n.recorder.Record(&n.exchange, a.batch, n.room)
	a.touched, n.room = a.touched[:0], keyuse.Reservation{}
}

// end records what waits, together with what the session has not recorded yet
// of the same uses.
func (n *increments) end(of *account, wall int64, failure string) {
	n.timer.Stop()
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, j := range n.account.touched {
		i, ok := of.lookUp(n.account.tallies[j].id)
		if !ok {
			continue
		}
		if of.uses[i].Fields > 0 {
			of.move(i, &n.account)
			of.carryOver(i)
		}
		of.tallies[i].told = true
	}
	n.record(wall, failure)
}
