package envoycheck

import (
	"slices"
	"strings"
	"testing"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	mutationv3 "github.com/envoyproxy/go-control-plane/envoy/config/common/mutation_rules/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	procv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/sealmesh/sealmesh/proxy/bootstrap"
)

// A subject is a message of a generated configuration to which a list of
// settings applies.
type subject struct {
	fields   []string // of its settings
	plumbing []string // fields without which there would be nothing to set, or which have Envoy behave as if it were not there
	edit     func(*bootstrapv3.Bootstrap, func(proto.Message))
}

func fields[M any](list []bootstrap.Setting[M]) (names []string) {
	for _, s := range list {
		names = append(names, s.Field)
	}
	return names
}

func subjects() map[string]subject {
	listener := func(b *bootstrapv3.Bootstrap) *listenerv3.Listener { return b.StaticResources.Listeners[0] }
	manager := func(b *bootstrapv3.Bootstrap, edit func(proto.Message)) {
		f := listener(b).FilterChains[0].Filters[0]
		m := new(hcmv3.HttpConnectionManager)
		repack(f.GetTypedConfig(), m, func() { edit(m) })
	}
	return map[string]subject{
		"connection manager": {fields(bootstrap.ManagerSettings), []string{
			"stat_prefix", "route_config", "http_filters", "stream_idle_timeout", "server_header_transformation", "generate_request_id", "skip_xff_append",
			"max_request_headers_kb", "http_protocol_options", "upgrade_configs", "early_header_mutation_extensions",
		}, manager},
		"route table": {fields(bootstrap.TableSettings), []string{"name", "virtual_hosts"}, func(b *bootstrapv3.Bootstrap, edit func(proto.Message)) {
			manager(b, func(m proto.Message) { edit(m.(*hcmv3.HttpConnectionManager).GetRouteConfig()) })
		}},
		"filter": {fields(bootstrap.FilterSettings), nil, func(b *bootstrapv3.Bootstrap, edit func(proto.Message)) {
			manager(b, func(m proto.Message) {
				f := new(procv3.ExternalProcessor)
				repack(m.(*hcmv3.HttpConnectionManager).HttpFilters[0].GetTypedConfig(), f, func() { edit(f) })
			})
		}},
		"listener": {fields(bootstrap.ListenerSettings), []string{"name", "address", "filter_chains"}, func(b *bootstrapv3.Bootstrap, edit func(proto.Message)) { edit(listener(b)) }},
		"processor": {fields(bootstrap.ProcessorSettings), []string{"name", "type", "connect_timeout", "load_assignment"}, func(b *bootstrapv3.Bootstrap, edit func(proto.Message)) {
			edit(b.StaticResources.Clusters[0])
		}},
		"upstream": {nil, []string{"name", "type", "connect_timeout", "load_assignment", "typed_extension_protocol_options", "circuit_breakers", "dns_lookup_family"}, func(b *bootstrapv3.Bootstrap, edit func(proto.Message)) {
			edit(b.StaticResources.Clusters[1])
		}},
	}
}

func repack(a *anypb.Any, m proto.Message, edit func()) {
	if err := a.UnmarshalTo(m); err != nil {
		panic(err)
	}
	edit()
	if err := a.MarshalFrom(m); err != nil {
		panic(err)
	}
}

// testPlaces has values beside the body.
const testPlaces = `version: 1
keys:
  k: {kek: "local:kek.key"}
tags:
  pii: {key: k}
routes:
  - name: path
    match: {path: "/path/{id}"}
    envelopes: data
    request:  {path: {seal: {id: pii}}}
    response: {headers: {seal: {x-ssn: pii}}}
`

// cases are policies and options that between them need every setting: bodies
// in both modes, rules and skips, methods, responses that are sealed.
func cases(t *testing.T) (all []*bootstrapv3.Bootstrap, check []func(*bootstrapv3.Bootstrap) string) {
	for _, src := range []string{testPolicy, strings.Replace(testPolicy, "{open: {$.a: pii}}", "{seal: {$.a: pii}}", 1),
		strings.Replace(testPolicy, "version: 1\n", "version: 1\nlimits: {buffered_bytes: 2MiB}\n", 1), testPlaces} {
		for _, buffered := range []bool{false, true} {
			p := load(t, src)
			b, err := bootstrap.New(p, bootstrap.Options{Listen: "127.0.0.1:1", Upstream: "127.0.0.1:2", Buffered: buffered})
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, b)
			check = append(check, func(b *bootstrapv3.Bootstrap) string {
				text, err := bootstrap.YAML(b)
				if err != nil {
					t.Fatal(err)
				}
				return findings(t, p, string(text))
			})
		}
	}
	return all, check
}

// Whatever is generated, beyond what there has to be for anything to work, is a
// setting.
func TestGeneratedIsInTheList(t *testing.T) {
	all, _ := cases(t)
	for name, s := range subjects() {
		for _, b := range all {
			s.edit(b, func(m proto.Message) {
				m.ProtoReflect().Range(func(f protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
					if field := string(f.Name()); !slices.Contains(s.fields, field) && !slices.Contains(s.plumbing, field) {
						t.Errorf("%s: %s is generated, and no setting: nothing checks it", name, field)
					}
					return true
				})
			})
		}
	}
}

// Each setting that is undone is found, by one policy or another.
func TestListIsChecked(t *testing.T) {
	for name, s := range subjects() {
		for _, field := range s.fields {
			all, check := cases(t)
			found := false
			for i, b := range all {
				s.edit(b, func(m proto.Message) { undo(t, m, field) })
				found = found || check[i](b) != ""
			}
			if !found {
				t.Errorf("%s: %s is a setting, and a configuration without it has no findings", name, field)
			}
		}
	}
}

// undo clears a field that is set, and sets one that must not be.
func undo(t *testing.T, m proto.Message, name string) {
	r := m.ProtoReflect()
	f := r.Descriptor().Fields().ByName(protoreflect.Name(name))
	switch {
	case f == nil:
		t.Fatalf("%s has no field %s", r.Descriptor().FullName(), name)
	case name == "processing_mode":
		m.(*procv3.ExternalProcessor).ProcessingMode.RequestHeaderMode = procv3.ProcessingMode_SKIP
	case name == "internal_address_config":
		m.(*hcmv3.HttpConnectionManager).InternalAddressConfig.UnixSockets = true
	case name == "route_cache_action":
		m.(*procv3.ExternalProcessor).RouteCacheAction = procv3.ExternalProcessor_CLEAR
	case r.Has(f):
		r.Clear(f)
	case f.Kind() == protoreflect.BoolKind:
		r.Set(f, protoreflect.ValueOfBool(true))
	case name == "mutation_rules":
		m.(*procv3.ExternalProcessor).MutationRules = &mutationv3.HeaderMutationRules{DisallowAll: wrapperspb.Bool(true)}
	case f.Message() != nil && !f.IsList():
		r.Mutable(f)
	}
}

// What keeps sealmesh from changing headers lets their values pass in clear.
func TestPlacesNeedHeaders(t *testing.T) {
	p := load(t, testPlaces)
	config := generated(t, p, bootstrap.Options{})
	if got := findings(t, p, config); got != "" {
		t.Errorf("the generated configuration: %s", got)
	}
	for _, c := range []struct{ old, new, want string }{
		{"message_timeout: 10s", "message_timeout: 10s\n              mutation_rules: {disallow_system: true}", "IN CLEAR: envoy.filters.http.ext_proc: mutation_rules"},
		{"message_timeout: 10s", "message_timeout: 10s\n              mutation_rules: {disallow_all: true}", "IN CLEAR: envoy.filters.http.ext_proc: mutation_rules"},
		{"message_timeout: 10s", "message_timeout: 10s\n              mutation_rules: {disallow_expression: {regex: x-ssn}}", "IN CLEAR: envoy.filters.http.ext_proc: mutation_rules"},
		{"message_timeout: 10s", "message_timeout: 10s\n              route_cache_action: CLEAR", "IN CLEAR: envoy.filters.http.ext_proc: with route_cache_action CLEAR"},
		{"    response_header_mode: SEND", "    response_header_mode: SKIP", "response_header_mode is SKIP"},
		{"    request_trailer_mode: SEND", "    request_trailer_mode: SKIP", "request_trailer_mode is not SEND, and the policy has rules"},
		{"merge_slashes: true", "merge_slashes: true\n          proxy_100_continue: true", "IN CLEAR: ingress: with proxy_100_continue"},
	} {
		changed := strings.ReplaceAll(config, c.old, c.new)
		if got := findings(t, p, changed); changed == config || !strings.Contains(got, c.want) {
			t.Errorf("%s: %s", c.new, got)
		}
	}
}
