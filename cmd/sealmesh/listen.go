package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

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
	if c, err := net.Dial("unix", path); err == nil {
		_ = c.Close()
		return fmt.Errorf("listen %s: another process serves there", path)
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

// newGRPC returns the gRPC server for p's listener.
func newGRPC(p *policy.Policy, creds credentials.TransportCredentials) *grpc.Server {
	size := int(max(p.Limits.BufferedBytes, 16<<20)) + headroom
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
	)
}

// credentialsFor returns mutual TLS where the policy has it. The policy loader
// refuses an address that others can reach without it.
func credentialsFor(p *policy.Policy) (credentials.TransportCredentials, error) {
	if p.TLS == nil {
		return insecure.NewCredentials(), nil
	}
	cert, err := tls.LoadX509KeyPair(p.TLS.Cert, p.TLS.Key)
	if err != nil {
		return nil, fmt.Errorf("tls: %w", err)
	}
	pem, err := os.ReadFile(p.TLS.ClientCA)
	if err != nil {
		return nil, fmt.Errorf("tls: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("tls: %s holds no certificate", p.TLS.ClientCA)
	}
	return credentials.NewTLS(&tls.Config{
		MinVersion:       tls.VersionTLS13,
		Certificates:     []tls.Certificate{cert},
		ClientAuth:       tls.RequireAndVerifyClientCert,
		ClientCAs:        pool,
		VerifyConnection: allowed(p.TLS.Allow),
	}), nil
}

// allowed accepts a client whose certificate has one of names as a URI (a SPIFFE
// id) or DNS name. An empty list accepts every certificate of the client CA.
func allowed(names []string) func(tls.ConnectionState) error {
	return func(s tls.ConnectionState) error {
		if len(names) == 0 {
			return nil
		}
		leaf := s.PeerCertificates[0]
		for _, n := range names {
			for _, u := range leaf.URIs {
				if u.String() == n {
					return nil
				}
			}
			for _, d := range leaf.DNSNames {
				if d == n {
					return nil
				}
			}
		}
		return errors.New("tls: the client is not in tls.allow")
	}
}
