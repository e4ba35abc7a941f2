package transport

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
)

// A rawConn is a unix socket that is read and written with RawSyscall, which
// skips the runtime's entersyscall bookkeeping. Skipping it is safe only
// because these calls never block: package net makes all sockets non-blocking,
// and its poller waits for them here as elsewhere.
//
// The bookkeeping costs more than the call. A call of an idle process wakes the
// monitor thread (runtime.entersyscallWakeSysmon), which then runs every 20 µs
// and takes a core from a busy Envoy each time.
//
// One goroutine may read while another writes.
type rawConn struct {
	net.Conn
	in, out rawOp
}

// A rawOp is one system call, repeated until it does not return EAGAIN.
type rawOp struct {
	trap uintptr // number of the system call
	p    []byte
	n    int
	err  syscall.Errno
	try  func(fd uintptr) bool          // o.do, bound once: binding allocates
	wait func(func(uintptr) bool) error // calls try until it is true, and waits for the socket between
}

// newRawConn returns a rawConn of nc. It returns nc itself unless nc is a unix
// socket.
func newRawConn(nc net.Conn) net.Conn {
	s, ok := nc.(*net.UnixConn)
	if !ok {
		return nc
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return nc
	}
	c := &rawConn{Conn: nc}
	c.in = rawOp{trap: syscall.SYS_READ, try: c.in.do, wait: raw.Read}
	c.out = rawOp{trap: syscall.SYS_WRITE, try: c.out.do, wait: raw.Write}
	return c
}

// do makes the call. It is false when the poller must wait first.
func (o *rawOp) do(fd uintptr) bool {
	for {
		n, err := rawSyscall(o.trap, fd, o.p)
		switch err {
		case syscall.EAGAIN:
			return false
		case syscall.EINTR:
			continue
		case 0:
			o.n, o.err = n, 0
		default:
			o.n, o.err = 0, err
		}
		return true
	}
}

// run makes the call with p, and waits for the socket. A deadline of the socket
// ends the wait.
func (o *rawOp) run(p []byte) (int, error) {
	o.p, o.n, o.err = p, 0, 0
	err := o.wait(o.try)
	o.p = nil
	if err == nil && o.err != 0 {
		err = o.err
	}
	return o.n, err
}

func (c *rawConn) Read(p []byte) (int, error) {
	n, err := c.in.run(p)
	switch {
	case err != nil:
		return 0, opError("read", err)
	case n == 0 && len(p) > 0:
		return 0, io.EOF
	}
	return n, nil
}

func (c *rawConn) Write(p []byte) (done int, err error) {
	for done < len(p) {
		n, err := c.out.run(p[done:])
		if err != nil {
			return done, opError("write", err)
		}
		done += n
	}
	return done, nil
}

// opError gives err the form that package net gives it.
func opError(op string, err error) error {
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return &net.OpError{Op: op, Err: os.NewSyscallError(op, errno)}
	}
	return err
}

// vectored returns the connection that writes net.Buffers with one system call.
// Buffers are long, so that copying them is worth telling the scheduler.
func vectored(nc net.Conn) net.Conn {
	if c, ok := nc.(*rawConn); ok {
		return c.Conn
	}
	return nc
}
