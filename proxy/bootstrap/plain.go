package bootstrap

import (
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	mutationv3 "github.com/envoyproxy/go-control-plane/envoy/config/common/mutation_rules/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	routerv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	earlyv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/http/early_header_mutation/header_mutation/v3"
	casev3 "github.com/envoyproxy/go-control-plane/envoy/extensions/http/header_formatters/preserve_case/v3"
	httpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// The settings in this file make Envoy behave as if it were not there, as far
// as safety allows: the service decides on its own timeouts, names, sizes and
// protocols, as it does without Envoy. docs/envoy.md lists the remaining
// differences, and a test sends the same requests both ways.

const (
	// maxHeadersKB and maxHeaders limit the headers of one message. Envoy's
	// defaults, 60 KiB and 100, are below the limits of many servers.
	maxHeadersKB = 1024
	maxHeaders   = 10_000
	// maxUpstream limits the requests, or connections, to the service. Envoy's
	// default of 1,024 is meant for clusters of many hosts.
	maxUpstream = 100_000
	// DefaultUpstreamIdle is shorter than servers usually keep an idle connection
	// (gunicorn 2s, Node 5s). If both ends close a connection at once, a client
	// loses its request.
	DefaultUpstreamIdle = time.Second
)

// plainManager keeps m from adding, cutting or renaming anything.
func plainManager(m *hcmv3.HttpConnectionManager, opt Options) {
	m.StreamIdleTimeout = durationpb.New(opt.IdleTimeout)
	m.ServerHeaderTransformation = hcmv3.HttpConnectionManager_PASS_THROUGH
	m.GenerateRequestId = wrapperspb.Bool(false)
	m.SkipXffAppend = !opt.ForwardedFor
	m.EarlyHeaderMutationExtensions = []*corev3.TypedExtensionConfig{{Name: "forwarded", TypedConfig: pack(saveForwarded())}}
	m.MaxRequestHeadersKb = wrapperspb.UInt32(maxHeadersKB)
	if m.CommonHttpProtocolOptions == nil {
		m.CommonHttpProtocolOptions = new(corev3.HttpProtocolOptions)
	}
	m.CommonHttpProtocolOptions.MaxHeadersCount = wrapperspb.UInt32(maxHeaders)
	m.HttpProtocolOptions = plainHTTP1()
	m.HttpProtocolOptions.AcceptHttp_10 = true
	m.HttpProtocolOptions.DefaultHostForHttp_10 = opt.Upstream
	for _, u := range upgrades(opt) {
		m.UpgradeConfigs = append(m.UpgradeConfigs, &hcmv3.HttpConnectionManager_UpgradeConfig{UpgradeType: u, Enabled: wrapperspb.Bool(false)})
	}
}

// plainHTTP1 keeps the spelling of header names, reason phrases and trailers.
// Methods of any name would need allow_custom_methods, which Envoy's threat
// model excludes.
func plainHTTP1() *corev3.Http1ProtocolOptions {
	return &corev3.Http1ProtocolOptions{
		EnableTrailers: true,
		HeaderKeyFormat: &corev3.Http1ProtocolOptions_HeaderKeyFormat{
			HeaderFormat: &corev3.Http1ProtocolOptions_HeaderKeyFormat_StatefulFormatter{
				StatefulFormatter: &corev3.TypedExtensionConfig{
					Name:        "preserve_case",
					TypedConfig: pack(&casev3.PreserveCaseFormatterConfig{ForwardReasonPhrase: true}),
				},
			},
		},
	}
}

func plainRouter() *routerv3.Router { return &routerv3.Router{SuppressEnvoyHeaders: true} }

// Envoy overwrites x-forwarded-proto, and no setting prevents that while
// use_remote_address is on. The value of a load balancer is saved first, in a
// header that no client can set, and restored last.
const (
	forwardedProto = "x-forwarded-proto"
	savedProto     = "x-sealmesh-forwarded-proto"
)

func saveForwarded() *earlyv3.HeaderMutation {
	return &earlyv3.HeaderMutation{Mutations: []*mutationv3.HeaderMutation{
		{Action: &mutationv3.HeaderMutation_Remove{Remove: savedProto}},
		{Action: &mutationv3.HeaderMutation_Append{Append: copied(savedProto, forwardedProto)}},
	}}
}

// copied sets a header to the value of another one, if that is present.
func copied(to, from string) *corev3.HeaderValueOption {
	return &corev3.HeaderValueOption{
		Header:       &corev3.HeaderValue{Key: to, Value: "%REQ(" + from + ")%"},
		AppendAction: corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD,
	}
}

// ours are headers that Envoy adds to requests and that no setting turns off. A
// virtual host removes headers after its routes have set theirs.
var ours = []string{"x-envoy-external-address", "x-envoy-internal", savedProto}

// plainRoute gives r no timeout, or that of opt. It allows upgrades only where
// sealmesh is not asked: no rule reaches the bytes after an upgrade.
func plainRoute(r *routev3.Route, opt Options, upgradable bool) {
	r.RequestHeadersToRemove = []string{forwardedProto}
	r.RequestHeadersToAdd = []*corev3.HeaderValueOption{copied(forwardedProto, savedProto)}
	a := r.GetRoute()
	a.Timeout = durationpb.New(opt.Timeout)
	if !upgradable {
		return
	}
	for _, u := range upgrades(opt) {
		a.UpgradeConfigs = append(a.UpgradeConfigs, &routev3.RouteAction_UpgradeConfig{UpgradeType: u, Enabled: wrapperspb.Bool(true)})
	}
}

// plainUpstream lets c send as much as the service accepts, to either kind of
// address.
func plainUpstream(c *clusterv3.Cluster, opt Options) {
	c.DnsLookupFamily = clusterv3.Cluster_ALL
	c.CircuitBreakers = &clusterv3.CircuitBreakers{Thresholds: []*clusterv3.CircuitBreakers_Thresholds{{
		MaxConnections:     wrapperspb.UInt32(maxUpstream),
		MaxPendingRequests: wrapperspb.UInt32(maxUpstream),
		MaxRequests:        wrapperspb.UInt32(maxUpstream),
	}}}
	explicit := &httpv3.HttpProtocolOptions_ExplicitHttpConfig{
		ProtocolConfig: &httpv3.HttpProtocolOptions_ExplicitHttpConfig_HttpProtocolOptions{HttpProtocolOptions: plainHTTP1()},
	}
	if opt.HTTP2 {
		explicit.ProtocolConfig = &httpv3.HttpProtocolOptions_ExplicitHttpConfig_Http2ProtocolOptions{
			Http2ProtocolOptions: &corev3.Http2ProtocolOptions{MaxConcurrentStreams: wrapperspb.UInt32(streams)},
		}
	}
	idle := opt.UpstreamIdle
	if idle == 0 {
		idle = DefaultUpstreamIdle
	}
	c.TypedExtensionProtocolOptions = protocolOptions(&httpv3.HttpProtocolOptions{
		CommonHttpProtocolOptions: &corev3.HttpProtocolOptions{
			IdleTimeout:          durationpb.New(idle),
			MaxHeadersCount:      wrapperspb.UInt32(maxHeaders),
			MaxResponseHeadersKb: wrapperspb.UInt32(maxHeadersKB),
		},
		UpstreamProtocolOptions: &httpv3.HttpProtocolOptions_ExplicitHttpConfig_{ExplicitHttpConfig: explicit},
	})
}

func upgrades(o Options) []string {
	if o.Upgrades == nil {
		return []string{"websocket"}
	}
	return o.Upgrades
}
