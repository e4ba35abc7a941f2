package load

import (
	"math/rand/v2"
	"runtime"
	"time"
)

// Schedule returns the times at which requests start, for d, at rate per
// second: a Poisson process that depends only on the seed.
func Schedule(seed uint64, rate float64, d time.Duration) []time.Duration {
	r := rand.New(rand.NewPCG(seed, 0x5ea1))
	var out []time.Duration
	for t := 0.0; ; {
		t += r.ExpFloat64() / rate
		at := time.Duration(t * float64(time.Second))
		if at >= d {
			return out
		}
		out = append(out, at)
	}
}

// Open starts requests at the times of the schedule on at most n connections,
// whatever became of earlier requests. Latency counts from the scheduled time,
// so waiting for a connection is included: there is no coordinated omission.
func (c *Client) Open(n int, schedule []time.Duration, r *Request) Result {
	if err := c.open(n); err != nil {
		return Result{Err: err, Failed: 1, Latency: NewHistogram()}
	}
	due := make(chan time.Time, len(schedule))
	start := time.Now()
	go func() {
		defer close(due)
		runtime.LockOSThread() // a thread sleeps to the microsecond, a goroutine to the millisecond
		defer runtime.UnlockOSThread()
		for _, at := range schedule {
			t := start.Add(at)
			sleepUntil(t)
			due <- t
		}
	}()
	return c.run(n, start, func(w *worker, k *conn) {
		for t := range due {
			if !w.once(k, r, t) {
				return
			}
		}
	})
}
