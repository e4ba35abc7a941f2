package envoycheck

import (
	"strings"
	"testing"
)

// A dump has what belongs together in different places, joined by names alone.
// Its filter is disabled by default, is called anything, and a route turns it
// on.
const dump = `{"configs": [
 {"@type": "type.googleapis.com/envoy.admin.v3.ListenersConfigDump", "dynamicListeners": [
  {"name": "web", "activeState": {"listener": {"@type": "x.Listener", "name": "web", "filterChains": [{"filters": [{"name": "http", "typedConfig": {
    "@type": "x.HttpConnectionManager", "rds": {"routeConfigName": "table"}, "normalizePath": true, "mergeSlashes": true, "pathWithEscapedSlashesAction": "REJECT_REQUEST",
    "commonHttpProtocolOptions": {"headersWithUnderscoresAction": "REJECT_REQUEST"},
    "earlyHeaderMutationExtensions": [{"name": "e", "typedConfig": {"@type": "type.googleapis.com/envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation",
      "mutations": [{"remove": "x-original-url"}, {"remove": "x-rewrite-url"}, {"remove": "x-original-uri"}, {"remove": "x-forwarded-uri"}, {"remove": "x-forwarded-path"}, {"remove": "x-matched-path"}, {"remove": "x-invoke-path"}, {"remove": "x-waws-unencoded-url"}, {"remove": "x-script-name"}, {"remove": "x-override-url"}, {"remove": "x-http-path-override"}]}}],
    "httpFilters": [FILTER, {"name": "r", "typedConfig": {"@type": "x.Router"}}]}}]}]}},
   "drainingState": {"listener": {"@type": "x.Listener", "name": "web", "filterChains": [{"filters": [{"name": "http", "typedConfig": {"@type": "x.HttpConnectionManager", "httpFilters": []}}]}]}}}]},
 {"@type": "type.googleapis.com/envoy.admin.v3.EcdsConfigDump", "ecdsFilters": [{"ecdsFilter": {"@type": "x.TypedExtensionConfig", "name": "anything/0", "typedConfig": PROCESSOR}}]},
 {"@type": "type.googleapis.com/envoy.admin.v3.RoutesConfigDump", "dynamicRouteConfigs": [{"routeConfig": {"@type": "x.RouteConfiguration", "name": "table", "virtualHosts": [
   {"name": "v", "domains": ["*"], "routes": [
     {"name": "other", "match": {"prefix": "/other"}, "route": {"cluster": "app"}OTHER},
     {"name": "all", "match": {"prefix": "/"}, "route": {"cluster": "app"}, "typedPerFilterConfig": {"anything/0": {"@type": "x.FilterConfig", "config": {}}}}]}]}}]}]}`

const processorConfig = `{"@type": "x.ExternalProcessor", "grpcService": {"envoyGrpc": {"clusterName": "p"}}, "messageTimeout": "10s", "requestAttributes": ["source.address"],
  "processingMode": {"requestBodyMode": "BUFFERED", "responseBodyMode": "BUFFERED", "responseHeaderMode": "SEND"}}`

const wholePolicy = `version: 1
keys: {k: {kek: "local:kek"}}
tags: {pii: {key: k}}
limits: {buffered_bytes: 64KiB}
routes:
  - {name: r, match: {path: /**}, request: {seal: {$.ssn: pii}}, response: {open: {$..ssn: pii}}}
`

func joined(filter, processor, other string) string {
	all := strings.NewReplacer("FILTER", filter, "OTHER", other).Replace(dump)
	return strings.ReplaceAll(all, "PROCESSOR", processor)
}

func TestJoins(t *testing.T) {
	const (
		own        = `{"name": "anything/0", "disabled": true, "typedConfig": PROCESSOR}`
		discovered = `{"name": "anything/0", "disabled": true, "configDiscovery": {"typeUrls": ["x"]}}`
		turnedOn   = `, "typedPerFilterConfig": {"anything/0": {"@type": "x.FilterConfig", "config": {}}}`
		asStruct   = `{"@type": "x.TypedStruct", "typeUrl": "type.googleapis.com/envoy.extensions.filters.http.ext_proc.v3.ExternalProcessor", "value": {"failureModeAllow": true, "grpcService": {}}}`
	)
	const half = "IN CLEAR: route other (POST sealmesh.example/other): ext_proc is disabled, and route \"r\""
	for name, c := range map[string]struct{ src, want string }{
		"protected":                       {joined(own, processorConfig, turnedOn), ""},
		"protected, discovered":           {joined(discovered, processorConfig, turnedOn), ""},
		"half":                            {joined(own, processorConfig, ""), half},
		"half, discovered":                {joined(discovered, processorConfig, ""), half},
		"on by default, off for one":      {joined(strings.Replace(own, `"disabled": true, `, "", 1), processorConfig, strings.Replace(turnedOn, `"config": {}`, `"disabled": true`, 1)), half},
		"not discovered":                  {joined(strings.Replace(discovered, "anything/0", "nothing", 1), processorConfig, turnedOn), "not seen: web: no ext_proc filter is here, unless"},
		"in clear":                        {joined(`{"name": "a", "typedConfig": {"@type": "x.Lua"}}`, processorConfig, turnedOn), "IN CLEAR: web: no ext_proc filter"},
		"routes that are not in the file": {strings.Replace(joined(own, processorConfig, turnedOn), `"name": "table"`, `"name": "another"`, 1), `not seen: web: its routes come by xDS (route_config_name "table")`},
		"a filter in a TypedStruct":       {joined(own, asStruct, turnedOn), "IN CLEAR: anything/0: failure_mode_allow"},
	} {
		got := findings(t, load(t, wholePolicy), c.src)
		if !strings.Contains(got, c.want) || c.want == "" && got != "" {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

// Of a filter and routes that are read apart, only what is there is judged:
// modes that the other half may have are not called NONE.
func TestReadApart(t *testing.T) {
	manager := `{"@type": "x.HttpConnectionManager", "rds": {"route_config_name": "r"}, "http_filters": [{"name": "p", "typed_config": {"@type": "x.ExternalProcessor", "grpc_service": {"envoy_grpc": {"cluster_name": "p"}}}}]}`
	table := `{"name": "r", "virtual_hosts": [{"domains": ["*"], "routes": [{"name": "all", "match": {"prefix": "/"}, "route": {"cluster": "a"}}]}]}`
	p := load(t, wholePolicy)
	for name, src := range map[string]string{"routes": table, "listener": manager} {
		if got := findings(t, p, src); !strings.Contains(got, "not seen: ") || strings.Contains(got, "NONE") {
			t.Errorf("%s: %q", name, got)
		}
	}
	both := findings(t, p, "["+manager+","+table+"]")
	if !strings.Contains(both, "breaks: route all (POST sealmesh.example/): request_body_mode is NONE") || strings.Contains(both, "not seen") {
		t.Errorf("both: %q", both)
	}
}

// All documents of a file are read.
func TestDocuments(t *testing.T) {
	p := load(t, wholePolicy)
	if got := findings(t, p, "a: b\n---\n"+joined(`{"name": "a", "typedConfig": {"@type": "x.Lua"}}`, processorConfig, "")); !strings.Contains(got, "no ext_proc filter") {
		t.Error(got)
	}
}
