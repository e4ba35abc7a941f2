package serve

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"
	"time"
)

// Modes of sockets decide who may connect.
const (
	socketMode = 0o660 // the owner and the group: Envoy shares the group
	adminMode  = 0o600 // the owner alone
)

// listen listens on an address of a policy: unix:///path, with mode, or
// tcp://host:port.
func listen(addr string, mode fs.FileMode) (net.Listener, error) {
	if hostport, ok := strings.CutPrefix(addr, "tcp://"); ok {
		return net.Listen("tcp", hostport)
	}
	path := strings.TrimPrefix(addr, "unix://")
	if err := removeStale(path); err != nil {
		return nil, err
	}
	l, err := listenUnix(path, mode)
	if err != nil {
		return nil, fmt.Errorf("%w (does the folder exist, and may this user write to it?)", err)
	}
	return l, nil
}

// removeStale removes the socket that an ended process left at path. It refuses
// to remove a socket that accepts connections, and anything that is not a
// socket.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode()&fs.ModeSocket == 0 {
		return fmt.Errorf("listen %s: the file exists and is not a socket", path)
	}
	c, err := net.DialTimeout("unix", path, time.Second)
	switch {
	case err == nil:
		_ = c.Close()
		return fmt.Errorf("listen %s: another process serves there", path)
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case !errors.Is(err, syscall.ECONNREFUSED): // the other process may be too busy to accept
		return fmt.Errorf("listen %s: remove the socket if no other process serves there: %w", path, err)
	}
	return os.Remove(path)
}
