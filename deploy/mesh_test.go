package deploy

import (
	"slices"
	"strings"
	"testing"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	procv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/proto"

	"github.com/sealmesh/sealmesh/proxy/bootstrap"
	"github.com/sealmesh/sealmesh/proxy/envoycheck"
)

// generated is what `sealmesh envoy --buffered` writes for one route with rules
// both ways, which matches by method: all that a hand-written configuration has
// to have. A mesh adds retries of its own, for which Envoy has to keep the
// bodies.
type generated struct {
	processor *clusterv3.Cluster
	listener  *listenerv3.Listener
	manager   *hcmv3.HttpConnectionManager
	filter    *procv3.ExternalProcessor // with the modes of the route
}

func generate(t *testing.T) generated {
	t.Helper()
	p := load(t, "policy.yaml", `
version: 1
keys: {k: {kek: "local:kek"}}
tags: {pii: {key: k}}
routes:
  - {name: r, match: {methods: [POST], path: "/**"}, request: {seal: {$.a: pii}}, response: {open: {$.a: pii}}}
`, nil)
	b, err := bootstrap.New(p, bootstrap.Options{Listen: "127.0.0.1:1", Upstream: "127.0.0.1:2", Buffered: true})
	must(t, err)
	g := generated{
		processor: b.StaticResources.Clusters[0], listener: b.StaticResources.Listeners[0],
		manager: new(hcmv3.HttpConnectionManager), filter: new(procv3.ExternalProcessor),
	}
	must(t, g.listener.FilterChains[0].Filters[0].GetTypedConfig().UnmarshalTo(g.manager))
	must(t, g.manager.HttpFilters[0].GetTypedConfig().UnmarshalTo(g.filter))
	var route procv3.ExtProcPerRoute
	per := g.manager.GetRouteConfig().VirtualHosts[0].Routes[0].TypedPerFilterConfig
	must(t, per[g.manager.HttpFilters[0].Name].UnmarshalTo(&route))
	g.filter.ProcessingMode = route.GetOverrides().ProcessingMode
	g.filter.GrpcService.GetEnvoyGrpc().Authority = "" // the stamp of one policy is not in a file for all
	return g
}

func same(t *testing.T, what string, got, want proto.Message) {
	t.Helper()
	if !proto.Equal(got, want) {
		t.Errorf("%s\n%v\nwant\n%v", what, got, want)
	}
}

type envoyFilter struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string
	Metadata   struct{ Name string }
	Spec       struct {
		WorkloadSelector struct{ Labels map[string]string } `yaml:"workloadSelector"`
		ConfigPatches    []struct {
			ApplyTo string `yaml:"applyTo"`
			Match   struct {
				Context  string
				Listener struct {
					FilterChain struct {
						Filter struct {
							Name      string
							SubFilter struct{ Name string } `yaml:"subFilter"`
						}
					} `yaml:"filterChain"`
				}
			}
			Patch struct {
				Operation string
				Value     any
			}
		} `yaml:"configPatches"`
	}
}

// Patched into Istio's configuration is what `sealmesh envoy --buffered` would
// have written.
func TestIstio(t *testing.T) {
	var f envoyFilter
	decode(t, read(t, "istio/envoyfilter.yaml"), &f)
	g := generate(t)
	if f.APIVersion != "networking.istio.io/v1alpha3" || f.Kind != "EnvoyFilter" || len(f.Spec.WorkloadSelector.Labels) == 0 {
		t.Errorf("%s %s for %v", f.APIVersion, f.Kind, f.Spec.WorkloadSelector)
	}
	const manager = "envoy.filters.network.http_connection_manager"
	var seen []string
	for _, p := range f.Spec.ConfigPatches {
		seen = append(seen, p.ApplyTo+" "+p.Patch.Operation)
		if p.Match.Context != "SIDECAR_INBOUND" {
			t.Errorf("%s: context %s", p.ApplyTo, p.Match.Context)
		}
		at := p.Match.Listener.FilterChain.Filter
		switch p.ApplyTo {
		case "CLUSTER":
			var c clusterv3.Cluster
			message(t, p.Patch.Value, &c)
			same(t, "cluster", &c, g.processor)
		case "HTTP_FILTER":
			var got hcmv3.HttpFilter
			var filter procv3.ExternalProcessor
			message(t, p.Patch.Value, &got)
			must(t, got.GetTypedConfig().UnmarshalTo(&filter))
			// In a mesh a certificate names the caller.
			g.filter.RequestAttributes = append([]string{"connection.uri_san_peer_certificate"}, g.filter.RequestAttributes...)
			same(t, "filter", &filter, g.filter)
			if at.Name != manager || at.SubFilter.Name != "envoy.filters.http.router" || got.Name != g.manager.HttpFilters[0].Name || filter.FailureModeAllow {
				t.Errorf("%s goes before %s of %s", got.Name, at.SubFilter.Name, at.Name)
			}
		case "NETWORK_FILTER":
			var got listenerv3.Filter
			var m hcmv3.HttpConnectionManager
			message(t, p.Patch.Value, &got)
			must(t, got.GetTypedConfig().UnmarshalTo(&m))
			if at.Name != manager || got.Name != manager {
				t.Errorf("%s is merged into %s", got.Name, at.Name)
			}
			pathRules(t, &m, g.manager)
		case "ROUTE_CONFIGURATION":
			var table routev3.RouteConfiguration
			message(t, p.Patch.Value, &table)
			removes(t, table.RequestHeadersToRemove, g)
		case "LISTENER":
			var l listenerv3.Listener
			message(t, p.Patch.Value, &l)
			same(t, "listener", &l, &listenerv3.Listener{PerConnectionBufferLimitBytes: g.listener.PerConnectionBufferLimitBytes})
		}
	}
	want := []string{"CLUSTER ADD", "HTTP_FILTER INSERT_BEFORE", "NETWORK_FILTER MERGE", "ROUTE_CONFIGURATION MERGE", "LISTENER MERGE"}
	if !slices.Equal(seen, want) {
		t.Errorf("patches %q", seen)
	}
}

// `sealmesh check --envoy` finds nothing wrong with the patches, nor with what
// is generated for the example policy; and it does, where they fail open.
func TestIstioIsChecked(t *testing.T) {
	buffered := load(t, "policy.yaml", strings.Replace(read(t, "policy.yaml"), "body: streamed", "body: buffered", 1), environment)
	patches := read(t, "istio/envoyfilter.yaml")
	found, err := envoycheck.Check(buffered, []byte(patches))
	if err != nil || len(found) != 0 {
		t.Error(err, found)
	}
	found, err = envoycheck.Check(buffered, []byte(strings.Replace(patches, "failure_mode_allow: false", "failure_mode_allow: true", 1)))
	if err != nil || len(found) != 1 || found[0].Kind != envoycheck.InClear {
		t.Error(err, found)
	}
	p := load(t, "policy.yaml", read(t, "policy.yaml"), environment)
	b, err := bootstrap.New(p, bootstrap.Options{Listen: "127.0.0.1:1", Upstream: "127.0.0.1:2"})
	must(t, err)
	text, err := bootstrap.YAML(b)
	must(t, err)
	if found, err = envoycheck.Check(p, text); err != nil || len(found) != 0 {
		t.Error(err, found)
	}
}

// pathRules holds what got says of paths and header names against want.
func pathRules(t *testing.T, got, want *hcmv3.HttpConnectionManager) {
	t.Helper()
	rules := &hcmv3.HttpConnectionManager{
		CommonHttpProtocolOptions: &corev3.HttpProtocolOptions{HeadersWithUnderscoresAction: want.CommonHttpProtocolOptions.HeadersWithUnderscoresAction}, NormalizePath: want.NormalizePath,
		MergeSlashes: want.MergeSlashes, PathWithEscapedSlashesAction: want.PathWithEscapedSlashesAction,
	}
	same(t, "connection manager", got, rules)
}

func removes(t *testing.T, got []string, g generated) {
	t.Helper()
	if want := g.manager.GetRouteConfig().RequestHeadersToRemove; !slices.Equal(got, want) || len(want) == 0 {
		t.Errorf("request headers to remove: %q, want %q", got, want)
	}
}
