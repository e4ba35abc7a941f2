package bootstrap

import (
	"fmt"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	httpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/sealmesh/sealmesh/proxy/policy"
)

// streams is how many exchanges Envoy may have open to sealmesh. Envoy's default
// of 1,024 turns a busy moment into refusals.
const streams = 100_000

// keepalive is how often Envoy asks whether sealmesh is there, and how long it waits for an answer.
const keepalive = 10 * time.Second

// processorOf is the cluster of sealmesh.
func processorOf(p *policy.Policy, opt Options) (*clusterv3.Cluster, error) {
	listen, kind := p.Listen, clusterv3.Cluster_STATIC
	if opt.Processor != "" {
		listen, kind = "tcp://"+opt.Processor, clusterv3.Cluster_STRICT_DNS
	}
	a, err := processorAddress(listen)
	if err != nil {
		return nil, fmt.Errorf("address of sealmesh: %w", err)
	}
	c := cluster(processorCluster, a, kind)
	if c.TransportSocket, err = opt.TLS.socket(p); err != nil {
		return nil, err
	}
	// In FULL_DUPLEX_STREAMED Envoy has no timer for replies: this is how it notices a sealmesh
	// that hangs.
	h2 := &corev3.Http2ProtocolOptions{
		MaxConcurrentStreams: wrapperspb.UInt32(streams),
		ConnectionKeepalive:  &corev3.KeepaliveSettings{Interval: seconds(keepalive), Timeout: seconds(keepalive)},
	}
	c.TypedExtensionProtocolOptions = protocolOptions(h2)
	c.ConnectTimeout = seconds(time.Second)
	c.CircuitBreakers = &clusterv3.CircuitBreakers{Thresholds: []*clusterv3.CircuitBreakers_Thresholds{{
		MaxConnections:     wrapperspb.UInt32(streams),
		MaxPendingRequests: wrapperspb.UInt32(streams),
		MaxRequests:        wrapperspb.UInt32(streams),
	}}}
	return c, nil
}

func upstreamOf(a *corev3.Address, http2 bool, buffer uint32) *clusterv3.Cluster {
	c := cluster(upstreamCluster, a, clusterv3.Cluster_STRICT_DNS)
	c.TypedExtensionProtocolOptions = protocolOptions(nil)
	if http2 {
		c.TypedExtensionProtocolOptions = protocolOptions(&corev3.Http2ProtocolOptions{MaxConcurrentStreams: wrapperspb.UInt32(streams)})
	}
	c.ConnectTimeout = seconds(5 * time.Second)
	c.PerConnectionBufferLimitBytes = wrapperspb.UInt32(buffer)
	return c
}

func cluster(name string, a *corev3.Address, kind clusterv3.Cluster_DiscoveryType) *clusterv3.Cluster {
	return &clusterv3.Cluster{
		Name:                 name,
		ClusterDiscoveryType: &clusterv3.Cluster_Type{Type: kind},
		LoadAssignment: &endpointv3.ClusterLoadAssignment{
			ClusterName: name,
			Endpoints: []*endpointv3.LocalityLbEndpoints{{LbEndpoints: []*endpointv3.LbEndpoint{{
				HostIdentifier: &endpointv3.LbEndpoint_Endpoint{Endpoint: &endpointv3.Endpoint{Address: a}},
			}}}},
		},
	}
}

// protocolOptions has a cluster speak HTTP/2 as h2 says, HTTP/1.1 where it is nil.
func protocolOptions(h2 *corev3.Http2ProtocolOptions) map[string]*anypb.Any {
	explicit := &httpv3.HttpProtocolOptions_ExplicitHttpConfig{
		ProtocolConfig: &httpv3.HttpProtocolOptions_ExplicitHttpConfig_HttpProtocolOptions{HttpProtocolOptions: &corev3.Http1ProtocolOptions{}},
	}
	if h2 != nil {
		explicit.ProtocolConfig = &httpv3.HttpProtocolOptions_ExplicitHttpConfig_Http2ProtocolOptions{Http2ProtocolOptions: h2}
	}
	return map[string]*anypb.Any{
		"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": pack(&httpv3.HttpProtocolOptions{
			UpstreamProtocolOptions: &httpv3.HttpProtocolOptions_ExplicitHttpConfig_{ExplicitHttpConfig: explicit},
		}),
	}
}
