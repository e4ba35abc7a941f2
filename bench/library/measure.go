// Package library times, in one process, the work of sealmesh on a body and
// that of libraries.
package library

import (
	"math"
	"runtime"
	"time"
)

// A Contestant is one way to do a piece of work. Run does it once.
type Contestant struct {
	Name  string
	Run   func() error
	Waits bool // for other threads: measure wall time
}

// Measure gives every contestant a turn of about d in each round. It returns
// the nanoseconds of one operation, by contestant and round. They are CPU time
// of the thread, which excludes other processes and background work: the export
// of key uses and garbage collection.
func Measure(list []Contestant, rounds int, d time.Duration) (map[string][]float64, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	times, n := make(map[string][]float64), make([]int, len(list))
	for i, c := range list {
		began := time.Now()
		for time.Since(began) < d {
			if err := c.Run(); err != nil {
				return nil, err
			}
			n[i]++
		}
	}
	for round := range rounds {
		for i := range list {
			c, n := list[(i+round)%len(list)], n[(i+round)%len(list)]
			began, used := time.Now(), threadTime()
			for range n {
				if err := c.Run(); err != nil {
					return nil, err
				}
			}
			took := threadTime() - used
			if c.Waits {
				took = time.Since(began)
			}
			times[c.Name] = append(times[c.Name], float64(took.Nanoseconds())/float64(n))
		}
	}
	return times, nil
}

// Allocations is the number of heap objects of one operation: the least of
// several counts, because others in the process allocate too.
func Allocations(c Contestant) float64 {
	const runs = 100
	least := math.Inf(1)
	for range 5 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range runs {
			_ = c.Run()
		}
		runtime.ReadMemStats(&after)
		least = min(least, float64((after.Mallocs-before.Mallocs)/runs))
	}
	return least
}
