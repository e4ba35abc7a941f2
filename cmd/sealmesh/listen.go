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

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/sealmesh/sealmesh/proxy/policy"
	"github.com/sealmesh/sealmesh/proxy/wire"
)

// socketMode lets the owner and the group connect: Envoy shares the group.
const socketMode = 0o660

// listen opens the address of a policy: unix:///path or tcp://host:port.
func listen(addr string) (net.Listener, error) {
	if hostport, ok := strings.CutPrefix(addr, "tcp://"); ok {
		return net.Listen("tcp", hostport)
	}
	path := strings.TrimPrefix(addr, "unix://")
	if err := removeStale(path); err != nil {
		return nil, err
	}
	l, err := listenUnix(path)
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

// What grpc-go is tuned by; `go run ./bench -run levers` says what each is worth.
const (
	// streamWorkers is how many exchanges find a goroutine whose stack has grown
	// already; those beyond get one of their own.
	streamWorkers = 64
	// window is a stream's flow-control window in bytes, so that a body of usual size comes
	// without a pause. That it is fixed spares the pings by which grpc-go estimates one.
	window     = 256 << 10
	connWindow = 4 << 20
)

// headroom is what a buffered body message may be longer than the body itself.
const headroom = 1 << 20

// messageBytes is the longest message that Envoy may send under p.
func messageBytes(p *policy.Policy) int { return int(max(p.Limits.BufferedBytes, 16<<20)) + headroom }

// newGRPC returns the gRPC server for p's listener.
func newGRPC(p *policy.Policy, creds credentials.TransportCredentials) *grpc.Server {
	size := messageBytes(p)
	return grpc.NewServer(
		grpc.Creds(creds),
		wire.ServerOption(),
		wire.PoolOption(),
		grpc.MaxRecvMsgSize(size),
		grpc.MaxSendMsgSize(4*size),
		grpc.NumStreamWorkers(streamWorkers),
		grpc.StaticStreamWindowSize(window),
		grpc.StaticConnWindowSize(connWindow),
		grpc.MaxConcurrentStreams(uint32(p.Limits.Streams)),
		grpc.WaitForHandlers(true), // what they record must be recorded before the record closes
	)
}
