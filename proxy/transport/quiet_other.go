//go:build !linux

package transport

import "net"

func quieten(nc net.Conn) net.Conn  { return nc }
func vectored(nc net.Conn) net.Conn { return nc }
