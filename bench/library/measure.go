// Package library times, in one process, what sealmesh does to a body beside
// what libraries do.
package library

import (
	"math"
	"runtime"
	"time"
)

// A Contestant is one way of doing a piece of work. Run does it once.
type Contestant struct {
	Name string
	Run  func() error
}

// Measure gives every contestant a turn of about d in each round, and returns the
// nanoseconds of one operation by contestant and round.
func Measure(list []Contestant, rounds int, d time.Duration) (map[string][]float64, error) {
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
			k := (i + round) % len(list)
			began := time.Now()
			for range n[k] {
				if err := list[k].Run(); err != nil {
					return nil, err
				}
			}
			times[list[k].Name] = append(times[list[k].Name], float64(time.Since(began).Nanoseconds())/float64(n[k]))
		}
	}
	return times, nil
}

// Allocations is the heap objects of one operation: the least of several counts,
// since others in the process allocate too.
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
