package load

import (
	"math/rand/v2"
	"runtime"
	"time"
)

// Schedule returns when requests start, for d, at rate per second: a Poisson
// process, the same one for the same seed.
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

// Open starts requests when the schedule says so, whatever became of those
// before, on at most n connections. The time of a request counts from when it was
// due, so one that had to wait for a connection is not excused: there is no coordinated omission.
func (c *Client) Open(n int, schedule []time.Duration, r *Request) Result {
	if err := c.open(n); err != nil {
		return Result{Err: err, Failed: 1, Latency: NewHistogram()}
	}
	due := make(chan time.Time, len(schedule))
	start := time.Now()
	go func() {
		defer close(due)
		runtime.LockOSThread() // its timer is exact to microseconds, the runtime's to a millisecond
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
