package bootstrap

import (
	"slices"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/sealmesh/sealmesh/proxy"
	"github.com/sealmesh/sealmesh/proxy/policy"
)

// ManagerSettings are the settings of an HTTP connection manager.
var ManagerSettings = []Setting[*hcmv3.HttpConnectionManager]{
	{
		Field: "normalize_path", Clear: true,
		set: func(m *hcmv3.HttpConnectionManager, _ Facts) { m.NormalizePath = wrapperspb.Bool(true) },
		wrong: func(m *hcmv3.HttpConnectionManager, f Facts) string {
			return unless(!hides(f.Policy) || m.GetNormalizePath().GetValue(), "without normalize_path a request may take a skipped route here and another one at the upstream; set it")
		},
	},
	{
		Field: "merge_slashes", Clear: true,
		set: func(m *hcmv3.HttpConnectionManager, _ Facts) { m.MergeSlashes = true },
		wrong: func(m *hcmv3.HttpConnectionManager, f Facts) string {
			return unless(!hides(f.Policy) || m.GetMergeSlashes(), "without merge_slashes a request may take a skipped route here and another one at the upstream; set it")
		},
	},
	{
		Field: "path_with_escaped_slashes_action", Clear: true,
		set: func(m *hcmv3.HttpConnectionManager, _ Facts) {
			m.PathWithEscapedSlashesAction = hcmv3.HttpConnectionManager_REJECT_REQUEST
		},
		wrong: func(m *hcmv3.HttpConnectionManager, f Facts) string {
			a := m.GetPathWithEscapedSlashesAction()
			ok := a == hcmv3.HttpConnectionManager_REJECT_REQUEST || a == hcmv3.HttpConnectionManager_UNESCAPE_AND_REDIRECT
			return unless(!hides(f.Policy) || ok, "escaped slashes may be slashes to the upstream; set path_with_escaped_slashes_action to REJECT_REQUEST")
		},
	},
	{
		// A gateway interface (CGI, WSGI, PHP) cannot tell content_encoding from
		// content-encoding.
		Field: "common_http_protocol_options", Clear: true,
		set: func(m *hcmv3.HttpConnectionManager, _ Facts) {
			m.CommonHttpProtocolOptions = &corev3.HttpProtocolOptions{HeadersWithUnderscoresAction: corev3.HttpProtocolOptions_DROP_HEADER}
		},
		wrong: func(m *hcmv3.HttpConnectionManager, f Facts) string {
			a := m.GetCommonHttpProtocolOptions().GetHeadersWithUnderscoresAction()
			return unless(!rules(f.Policy) || a != corev3.HttpProtocolOptions_ALLOW,
				"header names with underscores are let in, and some servers take content_type for content-type: set common_http_protocol_options.headers_with_underscores_action to DROP_HEADER or REJECT_REQUEST")
		},
	},
	{
		// Envoy asks no processor about an interim response.
		Field: "proxy_100_continue", Clear: true,
		wrong: func(m *hcmv3.HttpConnectionManager, f Facts) string {
			hasRules := func(r *policy.Route) bool { return r.Response != nil && r.Response.HasPlaces() }
			return unless(!m.GetProxy_100Continue() || !slices.ContainsFunc(f.Policy.Routes, hasRules),
				"with proxy_100_continue headers of an interim response (100, 103) reach the client as they are, and the policy has rules for those of responses: take it out")
		},
	},
	{
		// Otherwise Envoy takes every client for an internal one, and obeys its
		// x-envoy-retry-on.
		Field: "use_remote_address", Clear: false,
		set: func(m *hcmv3.HttpConnectionManager, _ Facts) { m.UseRemoteAddress = wrapperspb.Bool(true) },
		wrong: func(m *hcmv3.HttpConnectionManager, f Facts) string {
			return unless(!f.Duplex || m.GetUseRemoteAddress().GetValue(),
				"without use_remote_address clients may ask for retries (x-envoy-retry-on), and a retry sends a FULL_DUPLEX_STREAMED body twice (envoy#45470): set it, or make the body modes BUFFERED")
		},
	},
	{
		// Otherwise Envoy may take private addresses for internal ones. An empty
		// value has the same effect.
		Field: "internal_address_config",
		set: func(m *hcmv3.HttpConnectionManager, _ Facts) {
			m.InternalAddressConfig = &hcmv3.HttpConnectionManager_InternalAddressConfig{
				CidrRanges: []*corev3.CidrRange{{AddressPrefix: nobody, PrefixLen: wrapperspb.UInt32(32)}},
			}
		},
		wrong: func(m *hcmv3.HttpConnectionManager, f Facts) string {
			c := m.GetInternalAddressConfig()
			others := func(r *corev3.CidrRange) bool {
				return r.GetAddressPrefix() != nobody || r.GetPrefixLen().GetValue() != 32
			}
			ok := c == nil || !c.GetUnixSockets() && len(c.GetCidrRanges()) > 0 && !slices.ContainsFunc(c.GetCidrRanges(), others)
			return unless(!f.Duplex || ok,
				"clients of internal_address_config (empty: of private addresses) may ask for retries (x-envoy-retry-on), and a retry sends a FULL_DUPLEX_STREAMED body twice (envoy#45470): make cidr_ranges "+nobody+"/32, or the body modes BUFFERED")
		},
	},
}

// nobody is an address that no client has.
const nobody = "255.255.255.255"

// TableSettings are the settings of a route configuration. Headers that the
// connection manager or all virtual hosts remove count as removed by the route
// configuration.
var TableSettings = []Setting[*routev3.RouteConfiguration]{{
	Field: "request_headers_to_remove", Clear: true,
	set: func(m *routev3.RouteConfiguration, f Facts) { m.RequestHeadersToRemove = proxy.Overrides(f.Policy) },
	wrong: func(m *routev3.RouteConfiguration, f Facts) string {
		var missing []string
		for _, name := range proxy.Overrides(f.Policy) {
			if !slices.ContainsFunc(m.GetRequestHeadersToRemove(), func(h string) bool { return strings.EqualFold(h, name) }) {
				missing = append(missing, name)
			}
		}
		return unless(!hides(f.Policy) || len(missing) == 0,
			"some servers take "+strings.Join(missing, ", ")+" for the path, the method or the host, so that a skipped request may reach a protected path: name them in request_headers_to_remove")
	},
}}

// ListenerSettings are the settings of a listener.
var ListenerSettings = []Setting[*listenerv3.Listener]{{
	Field: "per_connection_buffer_limit_bytes",
	set: func(m *listenerv3.Listener, f Facts) {
		m.PerConnectionBufferLimitBytes = wrapperspb.UInt32(buffer(f))
	},
	wrong: func(m *listenerv3.Listener, f Facts) string {
		return unless(!f.Buffered || room(m.GetPerConnectionBufferLimitBytes()) >= buffer(f),
			"per_connection_buffer_limit_bytes is less than limits.buffered_bytes of the policy: Envoy refuses longer requests with 413, and longer responses with 500")
	},
}}

// buffer returns how much of a body Envoy holds: limits.buffered_bytes of the
// policy.
func buffer(f Facts) uint32 { return uint32(min(f.Policy.Limits.BufferedBytes, 1<<30)) }

// room returns the size of a buffer, 1 MiB by default.
func room(v *wrapperspb.UInt32Value) uint32 {
	if v == nil {
		return 1 << 20
	}
	return v.GetValue()
}
