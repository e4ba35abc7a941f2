package main

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	procv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/sealmesh/sealmesh/proxy/envoycheck"
)

// editManager changes the connection manager of a bootstrap.
func editManager(t *testing.T, b *bootstrapv3.Bootstrap, edit func(*hcmv3.HttpConnectionManager)) {
	t.Helper()
	a, m := b.StaticResources.Listeners[0].FilterChains[0].Filters[0].GetTypedConfig(), new(hcmv3.HttpConnectionManager)
	must(t, a.UnmarshalTo(m))
	edit(m)
	must(t, a.MarshalFrom(m))
}

// A route that somebody puts before the generated ones, with the filter off, is
// a way round sealmesh: a real Envoy takes it, and `check --envoy` finds it in
// that Envoy's own dump.
func TestHoleIsFoundInADump(t *testing.T) {
	s := newStack(t, stackOptions{mutate: func(b *bootstrapv3.Bootstrap) {
		editManager(t, b, func(m *hcmv3.HttpConnectionManager) {
			off, err := anypb.New(&procv3.ExtProcPerRoute{Override: &procv3.ExtProcPerRoute_Disabled{Disabled: true}})
			must(t, err)
			v := m.GetRouteConfig().VirtualHosts[0]
			hole := &routev3.Route{
				Name: "hole", Match: &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_Prefix{Prefix: "/seal/export"}},
				Action: v.Routes[0].Action, TypedPerFilterConfig: map[string]*anypb.Any{m.HttpFilters[0].Name: off},
			}
			v.Routes = append([]*routev3.Route{hole}, v.Routes...)
		})
	}})
	got := s.do("POST", "/seal/export", `{"secret":"`+canary+`"}`)
	if got.status != http.StatusOK || !strings.Contains(s.upstream.last(t).body, canary) {
		t.Fatalf("%d: the hole is none", got.status)
	}
	found := s.checkDump()
	if len(found) != 2 {
		t.Errorf("%q", found)
	}
	const want = `IN CLEAR: route hole (POST sealmesh.example/seal/export): ext_proc is disabled, and route "seal-only" of the policy has rules`
	if len(found) == 0 || found[0].String() != want {
		t.Errorf("%q\nwant %q", found, want)
	}
}

// Of a generated configuration that runs, the dump has nothing wrong.
func TestDumpIsRight(t *testing.T) {
	if found := newStack(t, stackOptions{}).checkDump(); len(found) != 0 {
		t.Errorf("%q", found)
	}
}

// checkDump is what `sealmesh check --envoy` says of the configuration that
// Envoy has.
func (s *stack) checkDump() []envoycheck.Finding {
	s.t.Helper()
	resp, err := http.Get(s.envoy.Admin + "/config_dump?include_eds")
	must(s.t, err)
	defer resp.Body.Close()
	dump, err := io.ReadAll(resp.Body)
	must(s.t, err)
	must(s.t, os.WriteFile(filepath.Join(s.dir, "dump.json"), dump, 0o600))
	found, err := envoycheck.Check(s.readPolicy(nil), dump)
	must(s.t, err)
	return found
}
