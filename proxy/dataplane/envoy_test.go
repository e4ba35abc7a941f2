package dataplane

import (
	"net"
	"strconv"
	"testing"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	filterv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	routerv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	httpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/sealmesh/sealmesh/proxy/envoytest"
)

// startEnvoy starts an Envoy with one listener per play, and returns their
// URLs.
func startEnvoy(t *testing.T, processor, upstream string, list []play) []string {
	t.Helper()
	envoytest.Path(t)
	b := &bootstrapv3.Bootstrap{StaticResources: &bootstrapv3.Bootstrap_StaticResources{
		Clusters: []*clusterv3.Cluster{
			cluster(t, "upstream", tcp(t, upstream), false),
			cluster(t, "processor", &corev3.Address{Address: &corev3.Address_Pipe{Pipe: &corev3.Pipe{Path: processor}}}, true),
		},
	}}
	var urls []string
	free := freeAddresses(t, len(list)+1)
	b.Admin = &bootstrapv3.Admin{Address: tcp(t, free[len(list)])}
	for i, p := range list {
		b.StaticResources.Listeners = append(b.StaticResources.Listeners, p.listener(t, free[i]))
		urls = append(urls, "http://"+free[i]+"/path")
	}
	envoytest.Start(t, b)
	return urls
}

// freeAddresses returns n different loopback addresses.
func freeAddresses(t *testing.T, n int) []string {
	t.Helper()
	var list []string
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close() // all are held until the last is found
		list = append(list, l.Addr().String())
	}
	return list
}

// listener is an Envoy listener in the mode of p, whose streams say which play
// they are of.
func (p play) listener(t *testing.T, address string) *listenerv3.Listener {
	filter := &filterv3.ExternalProcessor{
		GrpcService: &corev3.GrpcService{
			TargetSpecifier: &corev3.GrpcService_EnvoyGrpc_{EnvoyGrpc: &corev3.GrpcService_EnvoyGrpc{ClusterName: "processor"}},
			InitialMetadata: []*corev3.HeaderValue{{Key: "play", Value: p.name}},
		},
		MessageTimeout: durationpb.New(stagedTimeout), AllowModeOverride: true, ProcessingMode: p.mode.proto(), AllowContentLengthHeader: p.length,
	}
	route := &routev3.Route{
		Match: &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_Prefix{Prefix: "/"}},
		Action: &routev3.Route_Route{Route: &routev3.RouteAction{
			ClusterSpecifier: &routev3.RouteAction_Cluster{Cluster: "upstream"},
		}},
	}
	manager := &hcmv3.HttpConnectionManager{
		StatPrefix: "in",
		RouteSpecifier: &hcmv3.HttpConnectionManager_RouteConfig{RouteConfig: &routev3.RouteConfiguration{
			VirtualHosts: []*routev3.VirtualHost{{Name: "all", Domains: []string{"*"}, Routes: []*routev3.Route{route}}},
		}},
		HttpFilters: []*hcmv3.HttpFilter{
			{Name: "envoy.filters.http.ext_proc", ConfigType: &hcmv3.HttpFilter_TypedConfig{TypedConfig: pack(t, filter)}},
			{Name: "envoy.filters.http.router", ConfigType: &hcmv3.HttpFilter_TypedConfig{TypedConfig: pack(t, &routerv3.Router{})}},
		},
	}
	return &listenerv3.Listener{
		Name: p.name, Address: tcp(t, address), PerConnectionBufferLimitBytes: wrapperspb.UInt32(DefaultBufferLimit),
		FilterChains: []*listenerv3.FilterChain{{Filters: []*listenerv3.Filter{{
			Name:       "envoy.filters.network.http_connection_manager",
			ConfigType: &listenerv3.Filter_TypedConfig{TypedConfig: pack(t, manager)},
		}}}},
	}
}

// proto returns m as Envoy is configured.
func (m Mode) proto() *filterv3.ProcessingMode {
	send := func(b bool) filterv3.ProcessingMode_HeaderSendMode {
		if b {
			return filterv3.ProcessingMode_SEND
		}
		return filterv3.ProcessingMode_SKIP
	}
	return &filterv3.ProcessingMode{
		RequestHeaderMode: send(m.RequestHeaders), ResponseHeaderMode: send(m.ResponseHeaders),
		RequestBodyMode: filterv3.ProcessingMode_BodySendMode(m.RequestBody), ResponseBodyMode: filterv3.ProcessingMode_BodySendMode(m.ResponseBody),
		RequestTrailerMode: send(m.RequestTrailers), ResponseTrailerMode: send(m.ResponseTrailers),
	}
}

func cluster(t *testing.T, name string, a *corev3.Address, http2 bool) *clusterv3.Cluster {
	c := &clusterv3.Cluster{
		Name: name, ClusterDiscoveryType: &clusterv3.Cluster_Type{Type: clusterv3.Cluster_STATIC},
		LoadAssignment: &endpointv3.ClusterLoadAssignment{ClusterName: name, Endpoints: []*endpointv3.LocalityLbEndpoints{{
			LbEndpoints: []*endpointv3.LbEndpoint{{HostIdentifier: &endpointv3.LbEndpoint_Endpoint{Endpoint: &endpointv3.Endpoint{Address: a}}}},
		}}},
	}
	if http2 {
		c.TypedExtensionProtocolOptions = map[string]*anypb.Any{"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": pack(t, &httpv3.HttpProtocolOptions{
			UpstreamProtocolOptions: &httpv3.HttpProtocolOptions_ExplicitHttpConfig_{ExplicitHttpConfig: &httpv3.HttpProtocolOptions_ExplicitHttpConfig{
				ProtocolConfig: &httpv3.HttpProtocolOptions_ExplicitHttpConfig_Http2ProtocolOptions{Http2ProtocolOptions: &corev3.Http2ProtocolOptions{}},
			}},
		})}
	}
	return c
}

func tcp(t *testing.T, address string) *corev3.Address {
	t.Helper()
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	return &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{
		Address: host, PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: uint32(n)},
	}}}
}

func pack(t *testing.T, m proto.Message) *anypb.Any {
	t.Helper()
	a, err := anypb.New(m)
	if err != nil {
		t.Fatal(err)
	}
	return a
}
