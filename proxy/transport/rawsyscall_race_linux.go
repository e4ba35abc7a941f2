//go:build race

package transport

import "syscall"

// rawSyscall uses package syscall, which tells the race detector that a read
// happens after the write of the same bytes: tests and server share a process.
func rawSyscall(trap, fd uintptr, p []byte) (n int, errno syscall.Errno) {
	var err error
	if trap == syscall.SYS_READ {
		n, err = syscall.Read(int(fd), p)
	} else {
		n, err = syscall.Write(int(fd), p)
	}
	if err != nil {
		return 0, err.(syscall.Errno)
	}
	return n, 0
}
