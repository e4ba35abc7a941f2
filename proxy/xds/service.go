package xds

import (
	"time"

	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"github.com/envoyproxy/go-control-plane/pkg/server/delta/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"
)

const (
	maxStreams = 16      // of a server
	maxMessage = 1 << 20 // bytes; Envoy's first message lists its extensions, some 100 KiB
)

// ServerOptions are the options of a grpc.Server that serves a Server. Envoy
// may ping its connection every 5 seconds. The server need not ping: the
// kernel reports the end of a peer on a unix socket.
func ServerOptions() []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.MaxRecvMsgSize(maxMessage),
		grpc.MaxConcurrentStreams(maxStreams),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 5 * time.Second, PermitWithoutStream: true}),
	}
}

// A service is the RPCs of a server.
type service struct {
	discovery.UnimplementedAggregatedDiscoveryServiceServer
	server *Server
}

// StreamAggregatedResources refuses the other variant of xDS. There, Envoy
// gets all resources of a type whenever one changes.
func (*service) StreamAggregatedResources(discovery.AggregatedDiscoveryService_StreamAggregatedResourcesServer) error {
	return status.Error(codes.Unimplemented, "sealmesh serves delta xDS only: set api_type DELTA_GRPC in ads_config of Envoy's bootstrap")
}

// DeltaAggregatedResources serves an Envoy until its stream ends.
func (s *service) DeltaAggregatedResources(rpc discovery.AggregatedDiscoveryService_DeltaAggregatedResourcesServer) error {
	st, err := s.server.open()
	if err != nil {
		return err
	}
	defer s.server.end(st)
	return delta.NewServer(rpc.Context(), st, nil).DeltaStreamHandler(rpc, resource.AnyType)
}

func (s *Server) open() (*stream, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.streams) >= maxStreams {
		s.log.Warn("xds: refused a stream", "open", len(s.streams))
		return nil, status.Errorf(codes.ResourceExhausted, "%d streams are open", len(s.streams))
	}
	s.opened++
	st := &stream{server: s, number: s.opened, since: time.Now(), types: map[string]*subscription{}}
	s.streams = append(s.streams, st)
	s.wake()
	return st, nil
}
