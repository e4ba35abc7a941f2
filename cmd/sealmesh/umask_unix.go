//go:build unix

package main

import (
	"net"
	"syscall"
)

// listenUnix makes the socket with its mode from the first moment: chmod after
// the fact would leave a window. The mask is the process's: a file that something else
// makes meanwhile gets no more than this mode.
func listenUnix(path string) (net.Listener, error) {
	old := syscall.Umask(0o777 &^ socketMode)
	defer syscall.Umask(old)
	return net.Listen("unix", path)
}
