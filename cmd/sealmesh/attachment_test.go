package main

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	procv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/sealmesh/sealmesh/proxy/bootstrap"
	"github.com/sealmesh/sealmesh/proxy/envoytest"
)

// newWatchedStack is a stack whose sealmesh watches its Envoy.
func newWatchedStack(t *testing.T, unmediated string, mutate func(*bootstrapv3.Bootstrap)) *stack {
	t.Helper()
	envoytest.Path(t)
	s := newFolder(t)
	s.upstream = startUpstream(t, stackOptions{})
	s.listen, s.envoyAdmin = envoytest.Addresses(t)
	s.write(s.watchedPolicy(testPolicy, unmediated))
	// sealmesh comes before Envoy, and may not be ready yet.
	s.start(stackOptions{ready: s.upstream.URL})
	b, err := bootstrap.New(s.readPolicy(nil), bootstrap.Options{Listen: s.listen, Upstream: s.upstream.Listener.Addr().String(), Admin: s.envoyAdmin})
	must(t, err)
	if mutate != nil {
		mutate(b)
	}
	s.envoy = envoytest.Start(t, b)
	return s
}

func (s *stack) watchedPolicy(rules, unmediated string) string {
	return fmt.Sprintf("%senvoy: {admin: %q, unmediated: %s}\n", rules, s.envoyAdmin, unmediated)
}

// saysSoon waits until path of the admin endpoint says want, in its status or
// its text.
func (s *stack) saysSoon(path, want string) {
	s.t.Helper()
	s.wait(path+" says "+want, func() error {
		req, err := http.NewRequest(http.MethodGet, "http://admin"+path, nil)
		must(s.t, err)
		status, text := s.ask(req)
		if got := fmt.Sprint(status, " ", text); !strings.Contains(got, want) {
			return errors.New(got)
		}
		return nil
	})
}

// An Envoy that sends what the policy protects is mediated, as soon as it is
// there. One that does not is not, and sealmesh says where.
func TestAttachmentIsReported(t *testing.T) {
	s := newWatchedStack(t, "not_ready", nil)
	s.saysSoon("/readyz", "200 ready")
	s.says("/metrics", "sealmesh_envoy_mediated 1\n")
	for range 3 {
		if got := s.do("POST", "/seal/1", secret); got.status != http.StatusOK {
			t.Fatal(got)
		}
	}
	s.reload(s.watchedPolicy(ruled(t), "not_ready"))
	s.saysSoon("/readyz", "503 not ready")
	s.saysSoon("/readyz", "unmediated: IN CLEAR: route free")
	s.saysSoon("/metrics", "sealmesh_envoy_mediated 0\n")
	s.logged("unmediated: Envoy may pass by sealmesh what the policy protects", 1)
}

// Requests that a route sends to the service without sealmesh are counted.
func TestUnmediatedRequestsAreCounted(t *testing.T) {
	s := newWatchedStack(t, "report", func(b *bootstrapv3.Bootstrap) {
		editManager(t, b, func(m *hcmv3.HttpConnectionManager) {
			off, err := anypb.New(&procv3.ExtProcPerRoute{Override: &procv3.ExtProcPerRoute_Disabled{Disabled: true}})
			must(t, err)
			for _, r := range m.GetRouteConfig().VirtualHosts[0].Routes {
				if r.Name == "seal-only" {
					r.TypedPerFilterConfig = map[string]*anypb.Any{m.HttpFilters[0].Name: off}
				}
			}
		})
	})
	s.saysSoon("/readyz", "unmediated: IN CLEAR: route seal-only")
	s.saysSoon("/readyz", "200 ready")
	if got := s.do("POST", "/seal/1", secret); got.status != http.StatusOK || s.upstream.clear("/seal/") != 1 {
		t.Fatalf("the hole is none: %v", got)
	}
	s.saysSoon("/metrics", `sealmesh_unmediated_requests_total{route="seal-only"} 1`+"\n")
}
