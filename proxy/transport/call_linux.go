//go:build !race

package transport

import (
	"syscall"
	"unsafe"
)

// call makes a system call that reads into p or writes it, and does not block.
func call(trap, fd uintptr, p []byte) (int, syscall.Errno) {
	n, _, err := syscall.RawSyscall(trap, fd, uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)))
	return int(n), err
}
