package calls

import "time"

// A Backoff is exponential with full jitter: after n failures the next attempt
// comes at a uniformly random moment of the next min(Max, Base × 2^n). The long
// flat tail spreads a fleet: processes that saw the same outage end come back
// over the whole of Max, not at once.
type Backoff struct{ Base, Max time.Duration }

// WhileUnavailable is the back-off while a back end does not answer.
var WhileUnavailable = Backoff{Base: 200 * time.Millisecond, Max: 30 * time.Second}

// WhileUnclear is the back-off while the answers of a back end are unclear. It
// is shorter: past the soft TTL, uses are refused until the KMS vouches.
var WhileUnclear = Backoff{Base: 200 * time.Millisecond, Max: 5 * time.Second}

// Delay returns the pause after so many failures in a row. r is from [0, 1).
func (b Backoff) Delay(failures int, r float64) time.Duration {
	d := b.Max
	if failures < 32 {
		d = min(d, b.Base<<failures)
	}
	return time.Duration(r * float64(d))
}
