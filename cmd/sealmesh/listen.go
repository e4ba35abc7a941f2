package main

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

// Modes of sockets: who may connect.
const (
	socketMode = 0o660 // the owner and the group: Envoy shares the group
	adminMode  = 0o600 // the owner alone
)

// listen opens the address of a policy: unix:///path, with mode, or tcp://host:port.
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

// removeStale removes the socket of a process that is gone. One that still
// answers is another sealmesh, and anything but a socket is somebody's file.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode()&fs.ModeSocket == 0 {
		return fmt.Errorf("listen %s: exists and is not a socket", path)
	}
	c, err := net.DialTimeout("unix", path, time.Second)
	switch {
	case err == nil:
		_ = c.Close()
		return fmt.Errorf("listen %s: another process serves there", path)
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case !errors.Is(err, syscall.ECONNREFUSED): // it may be too busy to answer
		return fmt.Errorf("listen %s: remove the socket, if no other process serves there: %w", path, err)
	}
	return os.Remove(path)
}
