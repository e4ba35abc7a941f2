//go:build !linux

package transport

import "net"

func newRawConn(nc net.Conn) net.Conn { return nc }
func vectored(nc net.Conn) net.Conn   { return nc }
