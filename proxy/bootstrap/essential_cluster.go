package bootstrap

import (
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	httpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// streams is how many exchanges Envoy may have open to sealmesh. Envoy's
// default of 1,024 would cause refusals under load.
const streams = 100_000

// keepalive is the interval of Envoy's keepalive pings, and the time to answer
// one.
const keepalive = 10 * time.Second

// ProcessorSettings are the settings of the cluster of sealmesh.
var ProcessorSettings = []Setting[*clusterv3.Cluster]{
	{
		Field: "typed_extension_protocol_options",
		set: func(m *clusterv3.Cluster, _ Facts) {
			m.TypedExtensionProtocolOptions = http2(&corev3.Http2ProtocolOptions{
				MaxConcurrentStreams: wrapperspb.UInt32(streams),
				ConnectionKeepalive:  keepalives(),
			})
		},
		wrong: func(m *clusterv3.Cluster, f Facts) string {
			h2 := http2Of(m)
			switch {
			case h2 == nil:
				return "the cluster does not speak HTTP/2, which gRPC needs; give it http2_protocol_options"
			case f.Duplex && h2.GetConnectionKeepalive().GetInterval().AsDuration() == 0:
				// In FULL_DUPLEX_STREAMED Envoy has no timer for replies.
				return "without connection_keepalive Envoy does not notice a sealmesh that hangs; set its interval and timeout to 10s"
			}
			return ""
		},
	},
	{
		Field: "circuit_breakers",
		set: func(m *clusterv3.Cluster, _ Facts) {
			m.CircuitBreakers = &clusterv3.CircuitBreakers{Thresholds: []*clusterv3.CircuitBreakers_Thresholds{{
				MaxConnections:     wrapperspb.UInt32(streams),
				MaxPendingRequests: wrapperspb.UInt32(streams),
				MaxRequests:        wrapperspb.UInt32(streams),
			}}}
		},
		wrong: func(m *clusterv3.Cluster, f Facts) string {
			need := uint32(min(f.Policy.Limits.Streams, streams))
			return unless(breaker(m) >= need, "circuit_breakers allow fewer concurrent requests than limits.streams of the policy, and Envoy refuses the rest: make max_requests and max_pending_requests 100000")
		},
	},
}

// breaker returns how many requests the circuit breaker of m admits; 1,024 by
// default.
func breaker(m *clusterv3.Cluster) uint32 {
	requests, pending := uint32(1024), uint32(1024)
	for _, t := range m.GetCircuitBreakers().GetThresholds() {
		if t.GetPriority() != corev3.RoutingPriority_DEFAULT {
			continue
		}
		if v := t.GetMaxRequests(); v != nil {
			requests = v.GetValue()
		}
		if v := t.GetMaxPendingRequests(); v != nil {
			pending = v.GetValue()
		}
	}
	return min(requests, pending)
}

const protocolOptionsName = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"

func protocolOptions(o *httpv3.HttpProtocolOptions) map[string]*anypb.Any {
	return map[string]*anypb.Any{protocolOptionsName: pack(o)}
}

// http2 returns the protocol options of a cluster that speaks HTTP/2.
func http2(o *corev3.Http2ProtocolOptions) map[string]*anypb.Any {
	return protocolOptions(&httpv3.HttpProtocolOptions{
		UpstreamProtocolOptions: &httpv3.HttpProtocolOptions_ExplicitHttpConfig_{ExplicitHttpConfig: &httpv3.HttpProtocolOptions_ExplicitHttpConfig{
			ProtocolConfig: &httpv3.HttpProtocolOptions_ExplicitHttpConfig_Http2ProtocolOptions{Http2ProtocolOptions: o},
		}},
	})
}

func keepalives() *corev3.KeepaliveSettings {
	return &corev3.KeepaliveSettings{Interval: seconds(keepalive), Timeout: seconds(keepalive)}
}

// http2Of returns the HTTP/2 options of m, nil if it does not speak HTTP/2.
func http2Of(m *clusterv3.Cluster) *corev3.Http2ProtocolOptions {
	o := new(httpv3.HttpProtocolOptions)
	if a := m.GetTypedExtensionProtocolOptions()[protocolOptionsName]; a == nil || a.UnmarshalTo(o) != nil {
		return m.GetHttp2ProtocolOptions() // older than its successor, and still read by Envoy
	}
	return o.GetExplicitHttpConfig().GetHttp2ProtocolOptions()
}
