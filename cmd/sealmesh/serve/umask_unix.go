//go:build unix

package serve

import (
	"io/fs"
	"net"
	"syscall"
)

// listenUnix creates the socket with its final mode; chmod afterwards would
// leave a window. The umask belongs to the process, so a file that another
// goroutine creates meanwhile also gets no more than this mode.
func listenUnix(path string, mode fs.FileMode) (net.Listener, error) {
	old := syscall.Umask(int(0o777 &^ mode))
	defer syscall.Umask(old)
	return net.Listen("unix", path)
}
