package bootstrap

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	procv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"

	"github.com/sealmesh/sealmesh/proxy"
	"github.com/sealmesh/sealmesh/proxy/places"
	"github.com/sealmesh/sealmesh/proxy/policy"
)

const (
	// messageTimeout is longer than sealmesh waits for a key, so that sealmesh
	// answers first. Envoy's default of 200 ms is shorter than many KMS calls.
	messageTimeout = 10 * time.Second
	// minTimeout is the least that suffices: keycache.DefaultTimeout and a second.
	minTimeout = 6 * time.Second
	// defaultTimeout is Envoy's default.
	defaultTimeout = 200 * time.Millisecond
)

// FilterSettings are the settings of the ext_proc filter on any route.
var FilterSettings = []Setting[*procv3.ExternalProcessor]{
	{
		Field: "grpc_service",
		// The authority carries the policy's stamp. It costs nothing: each stream has
		// one.
		set: func(m *procv3.ExternalProcessor, f Facts) {
			m.GrpcService = processor("")
			if f.stamp == "" {
				m.GrpcService = processor(f.Policy.Stamp())
			}
		},
		wrong: func(m *procv3.ExternalProcessor, f Facts) string {
			if m.GetGrpcService() == nil || m.GetHttpService() != nil {
				return "http_service sends no bodies; use grpc_service"
			}
			stamp := m.GetGrpcService().GetEnvoyGrpc().GetAuthority()
			return unless(!policy.IsStamp(stamp) || stamp == f.Policy.Stamp(), "it was written for another policy (its authority is that policy's stamp), and sealmesh refuses with policy_behind: write Envoy's configuration again")
		},
	},
	{
		Field: "failure_mode_allow", Clear: true,
		wrong: func(m *procv3.ExternalProcessor, _ Facts) string {
			return unless(!m.GetFailureModeAllow(), failsOpen)
		},
	},
	{
		Field: "observability_mode", Clear: true,
		wrong: func(m *procv3.ExternalProcessor, _ Facts) string {
			return unless(!m.GetObservabilityMode(), "in observability_mode replies are ignored, and every body passes as it came; leave it out")
		},
	},
	{
		// A request that no route covers has the filter's own modes.
		Field: "processing_mode", Clear: true,
		set: func(m *procv3.ExternalProcessor, _ Facts) {
			m.ProcessingMode = &procv3.ProcessingMode{
				RequestHeaderMode:  procv3.ProcessingMode_SEND,
				ResponseHeaderMode: procv3.ProcessingMode_SKIP,
			}
		},
		wrong: func(m *procv3.ExternalProcessor, f Facts) string {
			return unless(f.Policy.Unmatched == policy.PassUnmatched || m.GetProcessingMode().GetRequestHeaderMode() != procv3.ProcessingMode_SKIP,
				"processing_mode has request_header_mode SKIP, so sealmesh does not see, and cannot refuse, what no route of the policy covers; make it SEND")
		},
	},
	{
		Field: "message_timeout",
		set:   func(m *procv3.ExternalProcessor, _ Facts) { m.MessageTimeout = seconds(messageTimeout) },
		wrong: func(m *procv3.ExternalProcessor, f Facts) string {
			d := defaultTimeout
			if m.GetMessageTimeout() != nil {
				d = m.GetMessageTimeout().AsDuration()
			}
			return unless(!f.Buffered || d >= minTimeout, fmt.Sprintf("message_timeout is %v, and sealmesh may wait 5s for a key; make it 10s", d))
		},
	},
	{
		// sealmesh sets the length of a body that it holds, and removes it from every
		// other.
		Field: "allow_content_length_header",
		set:   func(m *procv3.ExternalProcessor, f Facts) { m.AllowContentLengthHeader = !f.old },
		wrong: func(m *procv3.ExternalProcessor, f Facts) string {
			return unless(!f.Duplex || f.Buffered || !wholeBodies(f.Policy) || m.GetAllowContentLengthHeader(),
				"bodies lose their content-length without allow_content_length_header (Envoy 1.38): set it, or make the body modes BUFFERED")
		},
	},
	{
		// Without this attribute callers cannot be told apart. No value leaves in
		// clear then, but one caller may use up what all share. No other carrier of a
		// value that changes with the connection costs Envoy less.
		Field: "request_attributes",
		set: func(m *procv3.ExternalProcessor, _ Facts) {
			m.RequestAttributes = []string{proxy.AddressAttribute}
		},
		wrong: func(m *procv3.ExternalProcessor, _ Facts) string {
			return unless(slices.ContainsFunc(m.GetRequestAttributes(), proxy.NamesCaller),
				"request_attributes name no caller, so that one client may use up what is shared by caller; add source.address")
		},
	},
	{
		// This attribute tells Envoy's own reply to a request that no filter saw from
		// a response of the upstream.
		Field: "response_attributes",
		set: func(m *procv3.ExternalProcessor, f Facts) {
			if slices.ContainsFunc(f.Policy.Routes, sealsResponses) {
				m.ResponseAttributes = slices.Clone(proxy.ResponseAttributes)
			}
		},
		wrong: func(m *procv3.ExternalProcessor, f Facts) string {
			missing := Missing(m.GetResponseAttributes(), proxy.ResponseAttributes)
			return unless(missing == "" || !slices.ContainsFunc(f.Policy.Routes, sealsResponses),
				"the policy seals responses, and response_attributes lacks "+missing+": sealmesh refuses the replies of filters that come before it")
		},
	},
	{
		Field: "disable_immediate_response",
		wrong: func(m *procv3.ExternalProcessor, _ Facts) string {
			return unless(!m.GetDisableImmediateResponse(), "disable_immediate_response turns refusals into failures without a status; leave it out")
		},
	},
	{
		Field: "forward_rules",
		wrong: func(m *procv3.ExternalProcessor, _ Facts) string {
			return unless(m.GetForwardRules() == nil, "forward_rules may hide headers that sealmesh needs; leave them out")
		},
	},
	{
		// Envoy lets the processor change :path and most headers by default, and
		// counts what it ignores, without a word to the processor.
		Field: "mutation_rules", Clear: true,
		wrong: func(m *procv3.ExternalProcessor, f Facts) string {
			r := m.GetMutationRules()
			path := hasPlaces(f.Policy, places.Path, places.Query) && r.GetDisallowSystem().GetValue()
			ignores := path || r.GetDisallowAll().GetValue() || r.GetDisallowExpression() != nil
			return unless(!ignores || !hasPlaces(f.Policy, places.Path, places.Query, places.Header, places.Cookie),
				"mutation_rules keep sealmesh from changing the path or headers, and Envoy forwards their values as they came; leave them out")
		},
	},
	{
		Field: "route_cache_action", Clear: true,
		wrong: func(m *procv3.ExternalProcessor, f Facts) string {
			again := m.GetRouteCacheAction() == procv3.ExternalProcessor_CLEAR
			return unless(!again || !hasPlaces(f.Policy, places.Path, places.Query),
				"with route_cache_action CLEAR a request gets another route by the path that sealmesh has sealed; leave it out")
		},
	},
	{
		Field: "mutation_rules",
		wrong: func(m *procv3.ExternalProcessor, _ Facts) string {
			r := m.GetMutationRules()
			return unless(!r.GetDisallowAll().GetValue() && r.GetDisallowExpression() == nil && !r.GetDisallowIsError().GetValue(),
				"mutation_rules keep sealmesh from correcting content-length; leave them out")
		},
	},
}

// processor returns how Envoy reaches sealmesh, with a stamp.
func processor(stamp string) *corev3.GrpcService {
	return &corev3.GrpcService{TargetSpecifier: &corev3.GrpcService_EnvoyGrpc_{
		EnvoyGrpc: &corev3.GrpcService_EnvoyGrpc{ClusterName: processorCluster, Authority: stamp},
	}}
}

const failsOpen = "failure_mode_allow lets exchanges pass unread whenever sealmesh is unavailable; set it to false"

// Missing returns the names in need that have lacks, "" for none.
func Missing(have, need []string) string {
	var list []string
	for _, a := range need {
		if !slices.Contains(have, a) {
			list = append(list, a)
		}
	}
	return strings.Join(list, ", ")
}

func sealsResponses(r *policy.Route) bool {
	return r.Response != nil && slices.ContainsFunc(r.Response.Rules, func(rule policy.Rule) bool { return !rule.Open })
}

// wholeBodies reports whether sealmesh holds some bodies until they are
// complete.
func wholeBodies(p *policy.Policy) bool {
	return slices.ContainsFunc(p.Routes, func(r *policy.Route) bool {
		return r.Request != nil && r.Request.Mode == policy.Buffered || r.Response != nil && r.Response.Mode == policy.Buffered
	})
}
