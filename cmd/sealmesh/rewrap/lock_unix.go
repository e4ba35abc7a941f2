//go:build unix

package rewrap

import (
	"errors"
	"os"
	"syscall"
)

// lockFile locks f until f is closed or the process ends. It does not wait.
func lockFile(f *os.File) error {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return errors.New("another rewrap is using it: wait until that has finished")
	}
	return err
}
