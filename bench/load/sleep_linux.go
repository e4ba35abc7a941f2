package load

import (
	"time"

	"golang.org/x/sys/unix"
)

// sleepUntil puts the calling thread to sleep. The goroutine must be locked to
// its thread.
func sleepUntil(t time.Time) {
	for d := time.Until(t); d > 0; d = time.Until(t) {
		ts := unix.NsecToTimespec(int64(d))
		_ = unix.Nanosleep(&ts, nil) // the loop handles interruptions
	}
}
