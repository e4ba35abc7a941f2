//go:build !race

package transport

import (
	"syscall"
	"unsafe"
)

// rawSyscall reads into p or writes p with the system call trap, which must not
// block.
func rawSyscall(trap, fd uintptr, p []byte) (int, syscall.Errno) {
	n, _, err := syscall.RawSyscall(trap, fd, uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)))
	return int(n), err
}
