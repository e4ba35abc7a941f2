package load

import (
	"time"

	"golang.org/x/sys/unix"
)

// sleepUntil sleeps the calling thread, which must be locked.
func sleepUntil(t time.Time) {
	for d := time.Until(t); d > 0; d = time.Until(t) {
		ts := unix.NsecToTimespec(int64(d))
		_ = unix.Nanosleep(&ts, nil) // interrupted: look again
	}
}
