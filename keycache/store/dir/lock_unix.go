//go:build unix

package dir

import (
	"context"
	"errors"
	"os"
	"syscall"
	"time"
)

// lockRetry is the interval between attempts to take a lock.
const lockRetry = 5 * time.Millisecond

// lock takes the lock of a folder. The lock ends with the process.
func lock(ctx context.Context, path string) (unlock func(), err error) {
	d, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(d.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { _ = d.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			return nil, errors.Join(err, d.Close())
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), d.Close())
		case <-time.After(lockRetry):
		}
	}
}
