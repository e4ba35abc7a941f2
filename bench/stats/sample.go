package stats

// A Sample is the turn of one contestant in one round of a case. Times are in
// microseconds.
type Sample struct {
	Case       string  `json:"case"`
	Contestant string  `json:"contestant"`
	Round      int     `json:"round"`
	Requests   int64   `json:"requests"`
	Failed     int64   `json:"failed,omitempty"`
	Seconds    float64 `json:"seconds"`
	P50        int64   `json:"p50"`
	P90        int64   `json:"p90"`
	P99        int64   `json:"p99"`
	P999       int64   `json:"p99_9"`
	// CPU time of the turn.
	Processor float64 `json:"cpu_processor"`
	Envoy     float64 `json:"cpu_envoy"`
	Self      float64 `json:"cpu_load"` // load generator, upstream and collector
	// Heap objects, only of processors that the bench itself runs.
	Mallocs uint64 `json:"mallocs,omitempty"`
	Spans   uint64 `json:"spans,omitempty"` // that reached the collector
}

// A Metric is a figure of a sample.
type Metric func(Sample) float64

// The metrics, per request if that makes sense.
var (
	PerSecond    Metric = func(s Sample) float64 { return float64(s.Requests) / s.Seconds }
	ProcessorCPU Metric = func(s Sample) float64 { return s.Processor / float64(s.Requests) }
	EnvoyCPU     Metric = func(s Sample) float64 { return s.Envoy / float64(s.Requests) }
	AllCPU       Metric = func(s Sample) float64 { return (s.Processor + s.Envoy + s.Self) / float64(s.Requests) }
	SelfCPU      Metric = func(s Sample) float64 { return s.Self / float64(s.Requests) }
	Allocations  Metric = func(s Sample) float64 { return float64(s.Mallocs) / float64(s.Requests) }
	P50          Metric = func(s Sample) float64 { return float64(s.P50) }
	P99          Metric = func(s Sample) float64 { return float64(s.P99) }
)

// Samples are in the order in which they were taken.
type Samples []Sample

// Of returns the figures of a contestant in a case, by round.
func (all Samples) Of(id, contestant string, m Metric) []float64 {
	var out []float64
	for _, s := range all {
		if s.Case == id && s.Contestant == contestant && s.Requests > 0 {
			out = append(out, m(s))
		}
	}
	return out
}

// Spread returns the spread of the figures of a contestant in a case.
func (all Samples) Spread(id, contestant string, m Metric) Spread {
	return Of(all.Of(id, contestant, m))
}

// Ratio compares a contestant with base, round by round.
func (all Samples) Ratio(id, contestant, base string, m Metric) Spread {
	return Ratios(all.Of(id, contestant, m), all.Of(id, base, m))
}

// Difference returns how much more a contestant has than base, round by round.
func (all Samples) Difference(id, contestant, base string, m Metric) Spread {
	a, b := all.Of(id, contestant, m), all.Of(id, base, m)
	out := make([]float64, min(len(a), len(b)))
	for i := range out {
		out[i] = a[i] - b[i]
	}
	return Of(out)
}

// Added compares what a contestant adds to floor with what base adds, round by
// round.
func (all Samples) Added(id, contestant, base, floor string, m Metric) Spread {
	a, b, f := all.Of(id, contestant, m), all.Of(id, base, m), all.Of(id, floor, m)
	n := min(len(a), len(b), len(f))
	out := make([]float64, 0, n)
	for i := range n {
		if added := b[i] - f[i]; added > 0 {
			out = append(out, (a[i]-f[i])/added)
		}
	}
	return Of(out)
}
