package transport

import (
	"io"
	"net"
	"os"
	"syscall"
)

// A quiet is a unix socket that is read and written by system calls of which Go's scheduler is
// not told. It has to be told of those that may block. These never do: net makes all its sockets
// non-blocking, and its poller waits for them here as elsewhere. To tell it costs more than the call: one that
// comes out of idleness wakes the monitor thread (runtime.entersyscallWakeSysmon), which then looks
// around every 20 µs, and beside a busy Envoy takes its core from it each time.
//
// One goroutine may read and another write.
type quiet struct {
	net.Conn
	in, out attempt
}

// An attempt is a call that is made until it does not say EAGAIN.
type attempt struct {
	trap uintptr // number of the system call
	p    []byte
	n    int
	err  syscall.Errno
	try  func(fd uintptr) bool          // a.do, bound once
	wait func(func(uintptr) bool) error // calls try, and waits for the socket while it returns false
}

// quieten returns nc, or a quiet of it where it is a unix socket.
func quieten(nc net.Conn) net.Conn {
	s, ok := nc.(*net.UnixConn)
	if !ok {
		return nc
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return nc
	}
	c := &quiet{Conn: nc}
	c.in = attempt{trap: syscall.SYS_READ, try: c.in.do, wait: raw.Read}
	c.out = attempt{trap: syscall.SYS_WRITE, try: c.out.do, wait: raw.Write}
	return c
}

// do makes the call, and reports false when the poller is to wait first.
func (a *attempt) do(fd uintptr) bool {
	for {
		n, err := call(a.trap, fd, a.p)
		switch err {
		case syscall.EAGAIN:
			return false
		case syscall.EINTR:
			continue
		case 0:
			a.n, a.err = n, 0
		default:
			a.n, a.err = 0, err
		}
		return true
	}
}

// run makes the call for p. A deadline of the socket ends it.
func (a *attempt) run(p []byte) (int, error) {
	a.p, a.n, a.err = p, 0, 0
	err := a.wait(a.try)
	a.p = nil
	if err == nil && a.err != 0 {
		err = a.err
	}
	return a.n, err
}

func (c *quiet) Read(p []byte) (int, error) {
	n, err := c.in.run(p)
	switch {
	case err != nil:
		return 0, failed("read", err)
	case n == 0 && len(p) > 0:
		return 0, io.EOF
	}
	return n, nil
}

func (c *quiet) Write(p []byte) (done int, err error) {
	for done < len(p) {
		n, err := c.out.run(p[done:])
		if err != nil {
			return done, failed("write", err)
		}
		done += n
	}
	return done, nil
}

// failed gives err the form that net gives it.
func failed(op string, err error) error {
	if errno, ok := err.(syscall.Errno); ok {
		return &net.OpError{Op: op, Err: os.NewSyscallError(op, errno)}
	}
	return err
}

// vectored returns what writes net.Buffers by one system call: they are long, and to tell
// the scheduler of so many bytes being copied is right.
func vectored(nc net.Conn) net.Conn {
	if c, ok := nc.(*quiet); ok {
		return c.Conn
	}
	return nc
}
