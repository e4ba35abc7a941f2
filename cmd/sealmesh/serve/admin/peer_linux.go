package admin

import (
	"log/slog"
	"net"
	"syscall"
)

// credentialsOf returns the process at the other end of a unix socket, as it
// was when it connected: SO_PEERCRED in unix(7).
func credentialsOf(c *net.UnixConn) slog.Value {
	raw, err := c.SyscallConn()
	if err != nil {
		return slog.StringValue("unknown: " + err.Error())
	}
	var cred *syscall.Ucred
	var failed error
	err = raw.Control(func(fd uintptr) {
		cred, failed = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	})
	switch {
	case err != nil:
		return slog.StringValue("unknown: " + err.Error())
	case failed != nil:
		return slog.StringValue("unknown: " + failed.Error())
	}
	return slog.GroupValue(slog.Int("pid", int(cred.Pid)), slog.Uint64("uid", uint64(cred.Uid)), slog.Uint64("gid", uint64(cred.Gid)))
}
