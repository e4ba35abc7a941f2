//go:build unix

package main

import (
	"io/fs"
	"net"
	"syscall"
)

// listenUnix makes the socket with its mode from the first moment: chmod after
// the fact would leave a window. The mask is the process's: a file that something else
// makes meanwhile gets no more than this mode.
func listenUnix(path string, mode fs.FileMode) (net.Listener, error) {
	old := syscall.Umask(int(0o777 &^ mode))
	defer syscall.Umask(old)
	return net.Listen("unix", path)
}
