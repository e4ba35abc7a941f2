package keycache

import (
	"time"

	"github.com/sealmesh/sealmesh/keycache/calls"
)

// verifyTries is how often a data key is verified before its soft TTL ends, if the
// first tries fail: that many fit, each as long as a call may take.
const verifyTries = 3

// verifyAt is when a data key is verified, as a time since the KMS last vouched for
// it: early enough for all tries, at most half of soft. r, from [0, 1), spreads a
// fleet over the time between 0.8 soft and that moment, or a tenth of soft at least.
func verifyAt(soft, timeout time.Duration, r float64) time.Duration {
	tries := verifyTries * timeout
	for failures := range verifyTries - 1 {
		tries += verifyPause(soft) + calls.WhileUnavailable.Delay(failures, 1)
	}
	latest := soft - min(tries, soft/2)
	earliest := min(soft*8/10, latest-soft/10)
	return earliest + time.Duration(r*float64(latest-earliest))
}

// verifyPause is the least time between two tries.
func verifyPause(soft time.Duration) time.Duration { return min(time.Second, soft/20) }
