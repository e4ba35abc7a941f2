//go:build !race

// The simulation runs in one goroutine: the race detector would only slow it
// down.

package calls

import (
	"container/heap"
	"errors"
	"math/rand/v2"
	"testing"
	"time"
)

// A fleet of sidecars, each with its gate, that all want their data keys while
// the KMS is away, and come back when it does. Time is an event queue.
const (
	fleetSize    = 10_000
	keysEach     = 20
	fleetQuota   = 10_000 // calls a second, the lowest that AWS grants
	fleetLatency = 20 * time.Millisecond
)

type sidecar struct {
	gate            Gate
	missing, asking int // keys; calls in flight, one a key
}

// A fleetEvent is the end of a call, or (began < 0) the moment a request finds
// the gate.
type fleetEvent struct {
	at, began time.Duration
	who       *sidecar
	err       error
}

type fleetQueue []fleetEvent

func (q fleetQueue) Len() int           { return len(q) }
func (q fleetQueue) Less(i, j int) bool { return q[i].at < q[j].at }
func (q fleetQueue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *fleetQueue) Push(x any)        { *q = append(*q, x.(fleetEvent)) }
func (q *fleetQueue) Pop() any {
	old := *q
	e := old[len(old)-1]
	*q = old[:len(old)-1]
	return e
}

type fleet struct {
	outage   time.Duration
	queue    fleetQueue
	rand     *rand.Rand
	second   time.Duration // the quota's window
	answered int           // in it

	outageCalls, calls, peak int // peak: the most calls in one second after the outage
	missing                  int
	recovered                time.Duration
}

var errAway, errThrottled = errors.New("away"), errors.New("throttled")

// call is what the KMS makes of a call.
func (f *fleet) call(now time.Duration) error {
	if now < f.outage {
		f.outageCalls++
		return errAway
	}
	f.calls++
	if s := now.Truncate(time.Second); s != f.second {
		f.second, f.answered = s, 0
	}
	f.answered++
	f.peak = max(f.peak, f.answered)
	if f.answered > fleetQuota {
		return errThrottled
	}
	return nil
}

// try has a sidecar ask for all it misses, as far as its gate lets it.
func (f *fleet) try(who *sidecar, now time.Duration) {
	for who.asking < who.missing && who.gate.Enter(now, 5*time.Second) == nil {
		who.asking++
		heap.Push(&f.queue, fleetEvent{now + fleetLatency, now, who, f.call(now)})
	}
}

func (f *fleet) step() {
	e := heap.Pop(&f.queue).(fleetEvent)
	if e.began >= 0 {
		e.who.asking--
		e.who.gate.Leave(e.began, e.at, e.err, f.rand.Float64())
		if e.err == nil {
			e.who.missing--
			f.missing--
			f.recovered = e.at
		}
	}
	if e.who.missing == 0 {
		return
	}
	if e.who.gate.Shut(e.at) == nil {
		f.try(e.who, e.at)
		return
	}
	if e.began >= 0 { // a hundred requests a second: one comes soon after the gate lets it
		heap.Push(&f.queue, fleetEvent{e.who.gate.until + time.Duration(f.rand.IntN(10))*time.Millisecond, -1, e.who, nil})
	}
}

// After an outage a fleet has all its keys back within a minute, at the cost of
// 1.1 calls per key, and close to the quota.
func TestFleetRecovers(t *testing.T) {
	for _, outage := range []time.Duration{20 * time.Second, time.Minute, 5 * time.Minute} {
		t.Run(outage.String(), func(t *testing.T) {
			f := &fleet{outage: outage, rand: rand.New(rand.NewPCG(1, 2)), missing: fleetSize * keysEach}
			for range fleetSize {
				f.try(&sidecar{missing: keysEach}, time.Duration(f.rand.IntN(1000))*time.Millisecond)
			}
			for f.missing > 0 && len(f.queue) > 0 {
				f.step()
			}
			f.judge(t)
		})
	}
}

func (f *fleet) judge(t *testing.T) {
	if f.missing > 0 {
		t.Fatalf("%d keys are never fetched", f.missing)
	}
	perKey, took := float64(f.calls)/(fleetSize*keysEach), f.recovered-f.outage
	perSidecar := float64(f.outageCalls) / fleetSize
	t.Logf("%.0f calls per sidecar in the outage; then %v, %.3f calls per key, peak %d/s", perSidecar, took, perKey, f.peak)
	if perKey > 1.1 || took > time.Minute {
		t.Errorf("recovery took %v and %.3f calls per key, want a minute and 1.1 at most", took, perKey)
	}
	// All keys once, before anybody knows; eight quick probes; then one in 15 s.
	if perSidecar > keysEach+10+f.outage.Seconds()/12 {
		t.Errorf("%.0f calls per sidecar in the outage: hammering", perSidecar)
	}
}
