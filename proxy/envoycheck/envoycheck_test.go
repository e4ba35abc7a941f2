package envoycheck

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/proxy/bootstrap"
	"github.com/sealmesh/sealmesh/proxy/policy"
)

const testPolicy = `version: 1
keys: {k: {kek: "local:kek"}}
tags: {pii: {key: k}}
routes:
  - {name: both, match: {methods: [POST], path: "/both/{id}/x"}, request: {seal: {$.a: pii}}, response: {open: {$.a: pii}}}
  - {name: host, match: {hosts: ["*.example.com"], path: /**}, request: {seal: {$.a: pii}}}
  - {name: open, match: {path: /open/**}, response: {open: {$.a: pii}}}
  - {name: large, match: {path: /large/**}, request: {seal: {$.a: pii}, body: streamed}}
  - {name: free, match: {path: /free/**}, skip: true}
`

func load(t *testing.T, src string) *policy.Policy {
	t.Helper()
	p, err := policy.Load("policy.yaml", []byte(src), os.LookupEnv, os.ReadFile)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func generated(t *testing.T, p *policy.Policy, opt bootstrap.Options) string {
	t.Helper()
	opt.Listen, opt.Upstream = "127.0.0.1:1", "127.0.0.1:2"
	b, err := bootstrap.New(p, opt)
	if err != nil {
		t.Fatal(err)
	}
	text, err := bootstrap.YAML(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// types has the tests write short names for the messages of Envoy.
var types = strings.NewReplacer(
	`"x.ExtProcPerRoute"`, `"type.googleapis.com/envoy.extensions.filters.http.ext_proc.v3.ExtProcPerRoute"`,
	`"x.ExternalProcessor"`, `"type.googleapis.com/envoy.extensions.filters.http.ext_proc.v3.ExternalProcessor"`,
	`"x.FilterConfig"`, `"type.googleapis.com/envoy.config.route.v3.FilterConfig"`,
	`"x.HttpConnectionManager"`, `"type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"`,
	`"x.TcpProxy"`, `"type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy"`,
	`"x.Router"`, `"type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"`,
	`"x.Listener"`, `"type.googleapis.com/envoy.config.listener.v3.Listener"`,
	`"x.RouteConfiguration"`, `"type.googleapis.com/envoy.config.route.v3.RouteConfiguration"`,
	`"x.TypedExtensionConfig"`, `"type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig"`,
	`"x.TypedStruct"`, `"type.googleapis.com/udpa.type.v1.TypedStruct"`,
	`x.Lua`, `type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua`,
)

func findings(t *testing.T, p *policy.Policy, src string) string {
	t.Helper()
	list, err := Check(p, []byte(types.Replace(src)))
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, f := range list {
		all.WriteString(f.String() + "\n")
	}
	return all.String()
}

// Where other filters come before ext_proc, a route without rules is to have it
// disabled in ExtProcPerRoute.
func TestDisabledBehindOthers(t *testing.T) {
	p := load(t, testPolicy)
	src := strings.Replace(generated(t, p, bootstrap.Options{}), "http_filters:\n", "http_filters:\n          - name: rewrites\n            typed_config: {\"@type\": x.Lua}\n", 1)
	src = strings.Replace(src, "envoy.config.route.v3.FilterConfig", "envoy.extensions.filters.http.ext_proc.v3.ExtProcPerRoute", 1)
	if got := findings(t, p, src); got != "" {
		t.Error(got)
	}
}

// What `sealmesh envoy` writes has nothing wrong, whatever the policy.
func TestGeneratedIsRight(t *testing.T) {
	for name, src := range map[string]string{
		"test":    testPolicy,
		"sealing": strings.Replace(testPolicy, "{open: {$.a: pii}}", "{seal: {$.a: pii}}", 1),
		"passing": testPolicy + "unmatched: pass\n",
	} {
		for _, buffered := range []bool{false, true} {
			p := load(t, src)
			if got := findings(t, p, generated(t, p, bootstrap.Options{Buffered: buffered})); got != "" {
				t.Errorf("%s, buffered %t:\n%s", name, buffered, got)
			}
		}
	}
}

// route is the part of a generated configuration that is about one route.
func route(t *testing.T, config, name string) string {
	t.Helper()
	for part := range strings.SplitSeq(config, "\n              - name: ") {
		if strings.HasPrefix(part, name+"\n") {
			return part
		}
	}
	t.Fatalf("no route %s in\n%s", name, config)
	return ""
}

// Each thing that is made wrong in a right configuration is found.
func TestMutatedIsWrong(t *testing.T) {
	for _, c := range []struct {
		name     string
		buffered bool
		at       string // a route, "" for the whole
		old, new string
		want     string
	}{
		{"fails open", false, "", "message_timeout: 10s", "message_timeout: 10s\n              failure_mode_allow: true", "IN CLEAR: envoy.filters.http.ext_proc: failure_mode_allow"},
		{"in JSON names", false, "", "message_timeout: 10s", "message_timeout: 10s\n              failureModeAllow: true", "IN CLEAR: envoy.filters.http.ext_proc: failure_mode_allow"},
		{"observes", false, "", "message_timeout: 10s", "message_timeout: 10s\n              observability_mode: true", "IN CLEAR: envoy.filters.http.ext_proc: in observability_mode"},
		{"refusals off", false, "", "message_timeout: 10s", "message_timeout: 10s\n              disable_immediate_response: true", "breaks: envoy.filters.http.ext_proc: disable_immediate_response"},
		{"hides headers", false, "", "message_timeout: 10s", "message_timeout: 10s\n              forward_rules: {}", "breaks: envoy.filters.http.ext_proc: forward_rules"},
		{"no mutations", false, "", "message_timeout: 10s", "message_timeout: 10s\n              mutation_rules: {disallow_all: true}", "breaks: envoy.filters.http.ext_proc: mutation_rules"},
		{"no length", false, "", "allow_content_length_header: true", "allow_content_length_header: false", "breaks: envoy.filters.http.ext_proc: bodies lose their content-length"},
		{"no time", true, "", "message_timeout: 10s", "message_timeout: 0s", "breaks: envoy.filters.http.ext_proc: message_timeout is 0s"},
		{"default time", true, "", "message_timeout: 10s", "stat_prefix: a", "breaks: envoy.filters.http.ext_proc: message_timeout is 200ms"},
		{"another filter", false, "", "extensions.filters.http.ext_proc.v3.ExternalProcessor", "extensions.filters.http.cors.v3.Cors", "IN CLEAR: ingress: no ext_proc filter"},
		{"paths as they come", false, "", "merge_slashes: true", "merge_slashes: false", "IN CLEAR: ingress: without merge_slashes"},
		{"escaped slashes", false, "", "REJECT_REQUEST", "KEEP_UNCHANGED", "IN CLEAR: ingress: escaped slashes"},
		{"disabled", false, "both", "overrides:", "disabled: true\n                    x:", "IN CLEAR: route both (POST sealmesh.example/both/1/x): ext_proc is disabled"},
		{"fails open on a route", false, "open", "overrides:", "overrides:\n                      failure_mode_allow: true", "IN CLEAR: route open (POST sealmesh.example/open): failure_mode_allow"},
		{"hides requests", false, "both", "request_body_mode: FULL_DUPLEX_STREAMED", "request_body_mode: NONE", "breaks: route both (POST sealmesh.example/both/1/x): request_body_mode is NONE"},
		{"never asks", false, "both", "request_header_mode: SEND\n                        response_header_mode: SEND\n                        request_body_mode: FULL_DUPLEX_STREAMED", "request_header_mode: SKIP",
			"IN CLEAR: route both (POST sealmesh.example/both/1/x): request_body_mode is NONE, and no headers"},
		{"hides requests by default", false, "host", "request_body_mode: FULL_DUPLEX_STREAMED", "x: y", "breaks: route host (POST a.example.com/): request_body_mode is NONE"},
		{"parts of responses", false, "open", "response_body_mode: FULL_DUPLEX_STREAMED", "response_body_mode: BUFFERED_PARTIAL", "breaks: route open (POST sealmesh.example/open): response_body_mode is BUFFERED_PARTIAL"},
		{"messages of gRPC", false, "large", "request_body_mode: FULL_DUPLEX_STREAMED", "request_body_mode: GRPC", "breaks: route large (POST sealmesh.example/large): request_body_mode is GRPC"},
		{"trailers lost", false, "large", "request_body_mode: FULL_DUPLEX_STREAMED\n                        request_trailer_mode: SEND", "request_body_mode: STREAMED", "the end of a body with trailers would be lost"},
		{"streamed, buffered", true, "large", "FULL_DUPLEX_STREAMED", "BUFFERED", "breaks: route large (POST sealmesh.example/large): the policy has request bodies streamed"},
		{"response headers", false, "open", "response_header_mode: SEND", "response_header_mode: SKIP", "breaks: route open (POST sealmesh.example/open): response_header_mode is SKIP"},
		{"wrong lengths", false, "both", "request_header_mode: SEND", "request_header_mode: SKIP", "breaks: route both (POST sealmesh.example/both/1/x): with allow_content_length_header"},
		{"no attributes", true, "both", "request_header_mode: SEND", "request_header_mode: SKIP", "request_attributes lacks request.path"},
		{"no attributes on the way back", true, "open", "request_header_mode: SEND", "request_header_mode: SKIP", "response_attributes lacks request.path, request.method, request.host"},
		{"retries", false, "both", "cluster: upstream", "cluster: upstream\n                  retry_policy: {retry_on: 5xx}", "breaks: route both (POST sealmesh.example/both/1/x): a retry sends"},
		{"matched by none", false, "both", " safe_regex:\n                    regex: (?i)^/both/[^/]+/x/?$", " prefix: /nowhere", "breaks: route unmatched (POST sealmesh.example/both/1/x): request_body_mode is NONE"},
		{"left out too early", false, "", "http_filters:\n", "http_filters:\n          - name: rewrites\n            typed_config: {\"@type\": x.Lua}\n", "IN CLEAR: route free: FilterConfig leaves ext_proc out before rewrites runs"},
		{"left out before what is not known", false, "", "http_filters:\n", "http_filters:\n          - name: discovered\n            config_discovery: {}\n", "IN CLEAR: route free: FilterConfig leaves ext_proc out before discovered runs"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := load(t, testPolicy)
			right := generated(t, p, bootstrap.Options{Buffered: c.buffered})
			part := right
			if c.at != "" {
				part = route(t, right, c.at)
			}
			mutated := strings.Replace(part, c.old, c.new, 1)
			if mutated == part {
				t.Fatalf("nothing to change in\n%s", part)
			}
			if got := findings(t, p, strings.Replace(right, part, mutated, 1)); !strings.Contains(got, c.want) {
				t.Errorf("got %q\nwant %q", got, c.want)
			}
		})
	}
}

// A configuration that was generated before the policy got its rules is out of
// date.
func TestStaleIsWrong(t *testing.T) {
	before, _, _ := strings.Cut(testPolicy, "routes:\n")
	old := load(t, before+"routes: [{name: all, match: {path: /**}, skip: true}]\n")
	got := findings(t, load(t, testPolicy), generated(t, old, bootstrap.Options{}))
	for _, want := range []string{"route all (POST sealmesh.example/both/1/x): ext_proc is disabled, and route \"both\"", "and route \"host\"", "and route \"open\"", "and route \"large\""} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

// What the policy would refuse, Envoy must not let pass either.
func TestUnmatchedIsSeen(t *testing.T) {
	p := load(t, testPolicy)
	config := generated(t, p, bootstrap.Options{})
	off := strings.Replace(config, "name: unmatched\n", "name: unmatched\n                typed_per_filter_config: {envoy.filters.http.ext_proc: {\"@type\": type.googleapis.com/envoy.extensions.filters.http.ext_proc.v3.ExtProcPerRoute, disabled: true}}\n", 1)
	if got := findings(t, p, off); !strings.Contains(got, "IN CLEAR: route unmatched") {
		t.Errorf("%q", got)
	}
}

func TestOtherShapes(t *testing.T) {
	p := load(t, testPolicy)
	for name, c := range map[string]struct{ src, want string }{
		"a route configuration": {`{"virtualHosts": [{"domains": ["*"], "routes": [{"name": "all", "match": {"prefix": "/"}, "route": {"cluster": "a"},
			"typedPerFilterConfig": {"envoy.filters.http.ext_proc": {"@type": "x.ExtProcPerRoute", "disabled": true}}}]}]}`, "IN CLEAR: route all (POST sealmesh.example/both/1/x): ext_proc is disabled"},
		"disabled for a virtual host": {`{"virtual_hosts": [{"domains": ["*.example.com"], "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "a"}}],
			"typed_per_filter_config": {"envoy.filters.http.ext_proc": {"@type": "x.FilterConfig", "disabled": true}}}]}`, "IN CLEAR: route without a name (POST a.example.com/): ext_proc is disabled"},
		"a redirect": {`{"virtual_hosts": [{"domains": ["*"], "routes": [{"match": {"prefix": "/"}, "redirect": {}}]}]}`, ""},
		"routes by xDS": {`{"@type": "x.HttpConnectionManager", "rds": {}, "http_filters": [{"name": "p", "typed_config": {"@type": "x.ExternalProcessor", "message_timeout": "10s",
			"processing_mode": {"request_body_mode": "BUFFERED"}}}]}`, "its routes come by xDS"},
		"filters by xDS":                     {`{"@type": "x.HttpConnectionManager", "http_filters": [{"name": "p", "config_discovery": {}}]}`, "unless it comes by config_discovery"},
		"a filter alone, without a response": {`{"name": "p", "typed_config": {"@type": "x.ExternalProcessor", "message_timeout": "10s", "processing_mode": {"request_body_mode": "BUFFERED"}}}`, "breaks: p: response_body_mode is NONE"},
	} {
		if got := findings(t, p, c.src); !strings.Contains(got, c.want) || c.want == "" && strings.Contains(got, "CLEAR") {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
	for _, src := range []string{"", "a: b", "static_resources: {}"} {
		if _, err := Check(p, []byte(src)); !errors.Is(err, ErrNothing) {
			t.Errorf("%q: %v", src, err)
		}
	}
	if _, err := Check(p, []byte("a: [")); err == nil || errors.Is(err, ErrNothing) {
		t.Error(err)
	}
}
