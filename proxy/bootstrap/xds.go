package bootstrap

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	procv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/sealmesh/sealmesh/proxy/policy"
)

var errNoXDS = errors.New("the policy does not say where sealmesh serves Envoy's configuration: add envoy: {xds: unix:///path, upstream: host:port}")

// xdsCluster is where Envoy gets its configuration from.
const xdsCluster = "sealmesh_xds"

// ForXDS returns the bootstrap of an Envoy that gets everything else from
// sealmesh, as [Resources]. It depends on envoy.xds and envoy.admin of p only.
// Such an Envoy opens no listener before it has reached sealmesh.
func ForXDS(p *policy.Policy) (*bootstrapv3.Bootstrap, error) {
	if p.Envoy.Fixed().XDS == "" {
		return nil, errNoXDS
	}
	a, err := processorAddress(p.Envoy.XDS)
	if err != nil {
		return nil, fmt.Errorf("envoy.xds: %w", err)
	}
	c := cluster(xdsCluster, a, clusterv3.Cluster_STATIC)
	c.ConnectTimeout = seconds(time.Second)
	c.TypedExtensionProtocolOptions = http2(&corev3.Http2ProtocolOptions{ConnectionKeepalive: keepalives()})
	return checked(&bootstrapv3.Bootstrap{
		DynamicResources: &bootstrapv3.Bootstrap_DynamicResources{
			AdsConfig: &corev3.ApiConfigSource{
				ApiType: corev3.ApiConfigSource_DELTA_GRPC, TransportApiVersion: corev3.ApiVersion_V3,
				GrpcServices: []*corev3.GrpcService{{TargetSpecifier: &corev3.GrpcService_EnvoyGrpc_{
					EnvoyGrpc: &corev3.GrpcService_EnvoyGrpc{ClusterName: xdsCluster, RetryPolicy: reconnect()},
				}}},
				SetNodeOnFirstMessageOnly: true,
			},
			CdsConfig: ads(), LdsConfig: ads(),
		},
		StaticResources: &bootstrapv3.Bootstrap_StaticResources{Clusters: []*clusterv3.Cluster{c}},
	}, *p.Envoy)
}

// reconnect makes Envoy connect again within half a second. Its default grows
// to 30 s, and until then it keeps the routes that it has.
func reconnect() *corev3.RetryPolicy {
	return &corev3.RetryPolicy{RetryBackOff: &corev3.BackoffStrategy{
		BaseInterval: seconds(250 * time.Millisecond), MaxInterval: seconds(500 * time.Millisecond),
	}}
}

// ads is the source of everything in [Resources]. Envoy waits for it without a
// limit: with one, it would serve errors in place of a listener.
func ads() *corev3.ConfigSource {
	return &corev3.ConfigSource{
		ConfigSourceSpecifier: &corev3.ConfigSource_Ads{Ads: new(corev3.AggregatedConfigSource)},
		ResourceApiVersion:    corev3.ApiVersion_V3,
		InitialFetchTimeout:   durationpb.New(0),
	}
}

// Resources returns what an Envoy with the bootstrap of [ForXDS] needs: its
// listener, route table, ext_proc filter, clusters, endpoints and secrets. What
// the rules of p decide is in the route table alone, whose routes carry the
// stamp of p, so that Envoy never mixes two policies. The one exception is
// response_attributes of the filter, which no route can set: until they are
// there, replies of Envoy's own are refused.
func Resources(p *policy.Policy) ([]proto.Message, error) {
	if p.Envoy.Fixed().XDS == "" {
		return nil, errNoXDS
	}
	opt := *p.Envoy
	f := factsOf(p, opt)
	f.stamp = p.Stamp()
	l, err := listener(f, opt, &hcmv3.HttpConnectionManager{
		RouteSpecifier: &hcmv3.HttpConnectionManager_Rds{Rds: &hcmv3.Rds{ConfigSource: ads(), RouteConfigName: tableName}},
		HttpFilters: []*hcmv3.HttpFilter{{Name: filterName, ConfigType: &hcmv3.HttpFilter_ConfigDiscovery{
			ConfigDiscovery: &corev3.ExtensionConfigSource{
				ConfigSource: ads(), TypeUrls: []string{"type.googleapis.com/" + string((&procv3.ExternalProcessor{}).ProtoReflect().Descriptor().FullName())},
			},
		}}},
	})
	if err != nil {
		return nil, err
	}
	all := []proto.Message{l, table(f, opt), &corev3.TypedExtensionConfig{Name: filterName, TypedConfig: pack(filter(f))}}
	clusters, err := clusters(f, opt)
	if err != nil {
		return nil, err
	}
	for _, c := range clusters {
		if endpoints := discovered(c); endpoints != nil {
			all = append(all, endpoints)
		}
		all = append(all, c)
	}
	for _, s := range secrets(opt.TLS) {
		all = append(all, s)
	}
	for _, m := range all {
		if v, ok := m.(interface{ ValidateAll() error }); ok {
			if err := v.ValidateAll(); err != nil {
				return nil, fmt.Errorf("envoy resource: %w", err)
			}
		}
	}
	return all, nil
}

// discovered takes the endpoints out of c, if Envoy can get them from sealmesh:
// a service that has an IP address. Then another address leaves the cluster as
// it is.
func discovered(c *clusterv3.Cluster) *endpointv3.ClusterLoadAssignment {
	a := c.GetLoadAssignment().GetEndpoints()[0].GetLbEndpoints()[0].GetEndpoint().GetAddress().GetSocketAddress()
	if _, err := netip.ParseAddr(a.GetAddress()); err != nil || c.GetName() != upstreamCluster {
		return nil
	}
	endpoints := c.LoadAssignment
	c.LoadAssignment = nil
	c.ClusterDiscoveryType = &clusterv3.Cluster_Type{Type: clusterv3.Cluster_EDS}
	c.EdsClusterConfig = &clusterv3.Cluster_EdsClusterConfig{EdsConfig: ads()}
	return endpoints
}

// Name returns the name by which Envoy asks for a resource of [Resources].
func Name(resource proto.Message) string {
	switch m := resource.(type) {
	case *endpointv3.ClusterLoadAssignment:
		return m.GetClusterName()
	case interface{ GetName() string }:
		return m.GetName()
	}
	return ""
}
