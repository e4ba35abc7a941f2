package envoycheck

import (
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/proxy/bootstrap"
)

const (
	off = `{envoy.filters.http.ext_proc: {"@type": "x.ExtProcPerRoute", disabled: true}}`
	on  = `{envoy.filters.http.ext_proc: {"@type": "x.FilterConfig", config: {}}}`
)

// before has a route come before all others of a generated configuration.
func before(match, action, per string) [2]string {
	return [2]string{"routes:\n", "routes:\n              - name: hole\n                match: " + match + "\n                route: {cluster: upstream" + action + "}\n                typed_per_filter_config: " + per + "\n"}
}

// Ways around sealmesh that a configuration can have beside what is generated.
func TestHoles(t *testing.T) {
	const protected = "ext_proc is disabled, and route"
	for name, c := range map[string]struct {
		edit [2]string
		want string
	}{
		"a prefix inside /**":             {before("{prefix: /open/export}", "", off), "IN CLEAR: route hole (POST sealmesh.example/open/export): " + protected},
		"a prefix of a template's middle": {before("{prefix: /both/42}", "", off), "IN CLEAR: route hole (POST sealmesh.example/both/42/x): " + protected},
		"an exact path":                   {before("{path: /both/42/x}", "", off), "IN CLEAR: route hole (POST sealmesh.example/both/42/x): " + protected},
		"a prefix with a separator":       {before("{path_separated_prefix: /large/a}", "", off), "IN CLEAR: route hole (POST sealmesh.example/large/a): " + protected},
		"an expression":                   {before(`{safe_regex: {regex: "/large/(x|report-[0-9]{4})"}}`, "", off), "IN CLEAR: route hole (POST sealmesh.example/large/x): " + protected},
		"in another case":                 {before(`{prefix: /BOTH/1/X, case_sensitive: false}`, "", off), "IN CLEAR: route hole (POST sealmesh.example/both/1/x): " + protected},
		"for one host":                    {before(`{prefix: /, headers: [{name: ":authority", string_match: {exact: shop.example.com}}]}`, "", off), "IN CLEAR: route hole (POST shop.example.com/): " + protected},
		"for hosts by suffix":             {before(`{prefix: /, headers: [{name: ":authority", string_match: {suffix: .b.example.com}}]}`, "", off), "IN CLEAR: route hole (POST a.b.example.com/): " + protected},
		"for one method":                  {before(`{prefix: /open, headers: [{name: ":method", string_match: {exact: QUERY}}]}`, "", off), "IN CLEAR: route hole (QUERY sealmesh.example/open): " + protected},
		"for all methods but one":         {before(`{prefix: /open, headers: [{name: ":method", invert_match: true, string_match: {exact: GET}}]}`, "", off), "IN CLEAR: route hole (POST sealmesh.example/open): " + protected},
		"by a header of the client":       {before(`{prefix: /open, headers: [{name: x-internal, string_match: {exact: "1"}}]}`, "", off), "IN CLEAR: route hole (POST sealmesh.example/open): " + protected},
		"fails open":                      {before("{prefix: /open/export}", "", `{envoy.filters.http.ext_proc: {"@type": "x.ExtProcPerRoute", overrides: {failure_mode_allow: true}}}`), "IN CLEAR: route hole (POST sealmesh.example/open/export): failure_mode_allow"},
		"another processor":               {[2]string{"overrides:", "overrides:\n                      grpc_service: {envoy_grpc: {cluster_name: somebody}}"}, "IN CLEAR: route both (POST sealmesh.example/both/1/x): grpc_service of the route sends bodies to cluster somebody"},
		"off for a weighted cluster":      {[2]string{"cluster: upstream", "weighted_clusters: {clusters: [{name: upstream, weight: 1}, {name: b, weight: 1, typed_per_filter_config: " + off + "}]}"}, "IN CLEAR: route both (POST sealmesh.example/both/1/x): " + protected},
		"paths read in two ways":          {before("{prefix: /free/}", "", off), "IN CLEAR: route hole (POST sealmesh.example/free/..;/a): ext_proc is disabled, and the upstream may read another path"},

		"an upgrade with filters of its own": {[2]string{"          - upgrade_type: websocket\n            enabled: false\n", `          - {upgrade_type: websocket, filters: [{name: r, typed_config: {"@type": "x.Router"}}]}` + "\n"}, "IN CLEAR: ingress: upgrade_configs gives websocket filters of its own"},
		"virtual hosts by xDS":               {[2]string{"            name: sealmesh\n", "            name: sealmesh\n            vhds: {config_source: {ads: {}}}\n"}, "not seen: ingress sealmesh: virtual hosts come by xDS (vhds)"},
		"a matcher tree":                     {[2]string{"domains:\n", "matcher: {}\n              domains:\n"}, "not seen: ingress sealmesh: virtual host all chooses routes by a matcher tree"},
		"TCP to the same cluster":            {[2]string{"  listeners:\n", "  listeners:\n" + `  - {name: side, filter_chains: [{filters: [{name: t, typed_config: {"@type": "x.TcpProxy", stat_prefix: x, cluster: upstream}}]}]}` + "\n"}, "IN CLEAR: side: a chain without an HTTP connection manager leads to cluster upstream"},
		"TCP to the same address by another name": {[2]string{"  listeners:\n", `  clusters_x: [{name: again, load_assignment: {cluster_name: again, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: 2}}}}]}]}}]
  listeners:
  - {name: side, default_filter_chain: {filters: [{name: t, typed_config: {"@type": "x.TcpProxy", stat_prefix: x, weighted_clusters: {clusters: [{name: again, weight: 1}]}}}]}}
`}, "IN CLEAR: side: a chain without an HTTP connection manager leads to cluster again"},
		"a chain of something else": {[2]string{"  listeners:\n", "  listeners:\n" + `  - {name: side, filter_chains: [{filters: [{name: redis, typed_config: {"@type": "type.googleapis.com/x.Redis", y: 1}}]}]}` + "\n"}, "not seen: side: a chain without an HTTP connection manager ends in redis"},
		"HTTP to the same cluster without the filter": {[2]string{"  listeners:\n", "  listeners:\n" + `  - {name: side, filter_chains: [{filters: [{name: h, typed_config: {"@type": "x.HttpConnectionManager", stat_prefix: x, http_filters: [{name: r, typed_config: {"@type": "x.Router"}}],
      route_config: {virtual_hosts: [{name: v, domains: ["*"], routes: [{match: {prefix: /}, route: {cluster: upstream}}]}]}}}]}]}` + "\n"}, "IN CLEAR: side: no ext_proc filter, but its routes lead to cluster upstream"},

		"never asked by default":         {[2]string{"              processing_mode:\n                request_header_mode: SEND", "              processing_mode:\n                request_header_mode: SKIP"}, "IN CLEAR: envoy.filters.http.ext_proc: processing_mode has request_header_mode SKIP"},
		"a path made by regex_rewrite":   {before("{path: /free/a}", ", regex_rewrite: {pattern: {regex: ^.*$}, substitution: /open/a}", off), "IN CLEAR: route hole (POST sealmesh.example/free/a): regex_rewrite may turn"},
		"a path made by prefix_rewrite":  {before("{path: /free/a}", ", prefix_rewrite: /open/a", off), "IN CLEAR: route hole (POST sealmesh.example/free/a): prefix_rewrite may turn"},
		"a path made where it is asked":  {before("{path: /free/a}", ", prefix_rewrite: /open/a", on), "IN CLEAR: route hole (POST sealmesh.example/free/a): prefix_rewrite may turn"},
		"a host made by a rewrite":       {before("{path: /free/a}", ", host_rewrite_literal: a.example.com", off), "IN CLEAR: route hole (POST sealmesh.example/free/a): the host rewrite may turn"},
		"redirects followed by Envoy":    {[2]string{"cluster: upstream", "cluster: upstream\n                  internal_redirect_policy: {max_internal_redirects: 1}"}, "breaks: route both (POST sealmesh.example/both/1/x): internal_redirect_policy sends"},
		"underscores in names":           {[2]string{"headers_with_underscores_action: DROP_HEADER", "headers_with_underscores_action: ALLOW"}, "IN CLEAR: ingress: header names with underscores are let in"},
		"overrides of the path":          {[2]string{"- x-original-url", "- x-another"}, "IN CLEAR: ingress: some servers take x-original-url for the path, the method or the host"},
		"overrides of the method":        {[2]string{"- x-http-method-override", "- x-another"}, "IN CLEAR: ingress: some servers take x-http-method-override for"},
		"retries that clients ask for":   {[2]string{"use_remote_address: true", "use_remote_address: false"}, "breaks: ingress: without use_remote_address clients may ask for retries"},
		"retries of the virtual host":    {[2]string{"domains:\n", "retry_policy: {retry_on: 5xx}\n              domains:\n"}, "breaks: route both (POST sealmesh.example/both/1/x): a retry sends"},
		"a cluster that is not there":    {[2]string{"cluster_name: sealmesh\n", "cluster_name: nobody\n"}, "breaks: envoy.filters.http.ext_proc: it asks cluster nobody, which is not in this file"},
		"another socket":                 {[2]string{"path: /run/sealmesh/ext_proc.sock", "path: /run/other.sock"}, "IN CLEAR: cluster sealmesh: bodies go to unix:///run/other.sock"},
		"a field of which nothing known": {[2]string{"merge_slashes: true", "merge_slashes: true\n          pass_in_clear: true"}, `not seen: listener ingress: it has a field that this version of sealmesh does not know`},
	} {
		t.Run(name, func(t *testing.T) {
			p := load(t, testPolicy)
			right := generated(t, p, bootstrap.Options{})
			src := strings.Replace(right, c.edit[0], c.edit[1], 1)
			if src == right {
				t.Fatalf("nothing to change in\n%s", right)
			}
			if got := findings(t, p, src); !strings.Contains(got, c.want) {
				t.Errorf("got %s\nwant %s", got, c.want)
			}
		})
	}
}

// What is beside a protected service, and leads elsewhere, is nobody's
// business.
func TestNoFalseAlarm(t *testing.T) {
	for name, edit := range map[string][2]string{
		"a listener of the proxy's own": {"  listeners:\n", "  listeners:\n" + `  - {name: ready, filter_chains: [{filters: [{name: h, typed_config: {"@type": "x.HttpConnectionManager", stat_prefix: x, http_filters: [{name: r, typed_config: {"@type": "x.Router"}}],
      route_config: {virtual_hosts: [{name: v, domains: ["*"], routes: [{match: {prefix: /}, route: {cluster: admin}}]}]}}}]}]}` + "\n"},
		"TCP to somewhere else":                           {"  listeners:\n", "  listeners:\n" + `  - {name: side, filter_chains: [{filters: [{name: t, typed_config: {"@type": "x.TcpProxy", stat_prefix: x, cluster: other}}]}]}` + "\n"},
		"a rewrite to a free path":                        before(`{path: /free/a, headers: [{name: ":authority", string_match: {exact: b}}]}`, ", prefix_rewrite: /free/b", off),
		"a route that is off, and free for every reading": before(`{path: /free/a, headers: [{name: ":authority", string_match: {exact: b}}]}`, "", off),
		"off by default, and on by FilterConfig":          {"name: envoy.filters.http.ext_proc\n", "name: envoy.filters.http.ext_proc\n            disabled: false\n"},
		"stamps on a route":                               {"overrides:", "overrides:\n                      grpc_initial_metadata: [{key: x-a, value: b}]"},
		"the same processor named again":                  {"overrides:", "overrides:\n                      grpc_service: {envoy_grpc: {cluster_name: sealmesh, authority: a}}"},
	} {
		t.Run(name, func(t *testing.T) {
			p := load(t, testPolicy)
			right := generated(t, p, bootstrap.Options{})
			src := strings.Replace(right, edit[0], edit[1], 1)
			if src == right {
				t.Fatalf("nothing to change in\n%s", right)
			}
			if got := findings(t, p, src); got != "" {
				t.Error(got)
			}
		})
	}
}
