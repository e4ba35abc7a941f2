package xds_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	procv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/sealmesh/sealmesh/proxy/envoytest"
	"github.com/sealmesh/sealmesh/proxy/xds"
)

const filterName = "envoy.filters.http.ext_proc"

// A row is a step, and what a real Envoy does after it with a secret that is
// posted to the route that seals and to the one that is skipped.
type row struct {
	step         string
	do           func() error
	refused      string // in the error of do, which is a *xds.Refusal; "" for nil
	seal, free   string
	takesAMoment bool // the listener opens a moment after the acknowledgement
}

// What Envoy does while its configuration comes, is wrong, goes, and while its
// plane is gone. A secret passes in clear on the skipped route only.
func TestRows(t *testing.T) {
	p, service := newPlane(t), newService(t)
	e := newEnvoy(t, p, backOff, 1)
	good := startSealmesh(t, e.listen, service.Listener.Addr().String())
	until(t, "Envoy connects", func() bool { return len(p.server.Nodes()) > 0 })
	put := func(rs []xds.Resource) func() error {
		return func() error {
			p.rs = rs
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			return p.server.Set(ctx, rs)
		}
	}
	modified := "2" // and no more
	for i, r := range []row{
		{step: "the listener names a filter that is not there", do: put(without(good)), seal: "refused", free: "refused"},
		{step: "the filter comes", do: put(good), seal: "sealed", free: "clear", takesAMoment: true},
		{step: "the listener changes", do: put(smaller(good)), seal: "sealed", free: "clear"},
		{step: "and changes again", do: put(good), seal: "sealed", free: "clear"},
		{step: "a filter that Envoy does not accept", do: put(filtered(t, good, noTrailers)), refused: "FULL_DUPLEX_STREAMED", seal: "sealed", free: "clear"},
		{step: "another type under the name of the filter", do: put(typed(t, good)), refused: "FilterConfig", seal: "sealed", free: "clear"},
		{step: "the good filter again", do: put(filtered(t, good, slower)), seal: "sealed", free: "clear"},
		{step: "no filter", do: put(without(good)), seal: "500", free: "clear"},
		{step: "the filter again", do: put(good), seal: "sealed", free: "clear"},
		{step: "a route with the mistake of that filter", do: put(routed(t, good, filterName, noTrailersRoute)), seal: "sealed", free: "clear"},
		{step: "a route with an invalid message", do: put(routed(t, good, "nosuch", nil)), refused: "override", seal: "sealed", free: "clear"},
		{step: "the good routes again", do: put(good), seal: "sealed", free: "clear"},
		{step: "a filter that changes while a request is in flight", do: inFlight(t, e, service, put(filtered(t, good, slower))), seal: "sealed", free: "clear"},
		{step: "the plane goes", do: func() error {
			if now := e.stat("listener_manager.listener_modified"); now != modified {
				t.Errorf("the listener was modified %s times, want %s", now, modified)
			}
			p.stop()
			until(t, "Envoy sees that", func() bool { return e.stat("control_plane.connected_state") == "0" })
			return nil
		}, seal: "sealed", free: "clear"},
		{step: "Envoy restarts without the plane", do: func() error {
			e.kill()
			e.start(envoytest.Path(t), 1)
			until(t, "five attempts", func() bool { n, _ := strconv.Atoi(e.stat("cluster.xds.upstream_cx_connect_fail")); return n >= 5 })
			return nil
		}, seal: "refused", free: "refused"},
		{step: "the plane is back", do: func() error { p.start(); return nil }, seal: "sealed", free: "clear", takesAMoment: true},
	} {
		err := r.do()
		var refusal *xds.Refusal
		if r.refused == "" && err != nil || r.refused != "" && (!errors.As(err, &refusal) || !strings.Contains(err.Error(), r.refused)) {
			t.Errorf("%d. %s: %v, want a refusal with %q", i+1, r.step, err, r.refused)
		}
		if r.takesAMoment {
			until(t, r.step+": "+r.seal, func() bool { return post(e, service, "/seal/a") == r.seal })
		}
		if seal, free := post(e, service, "/seal/a"), post(e, service, "/free/a"); seal != r.seal || free != r.free {
			t.Errorf("%d. %s: %s and %s, want %s and %s", i+1, r.step, seal, free, r.seal, r.free)
		}
		t.Logf("%d. %s: %v", i+1, r.step, err)
	}
}

// With a limit on the wait for the filter, the listener opens without it: the
// route that seals fails closed. It does not stay so.
func TestWaitForFilterWithLimit(t *testing.T) {
	p, service := newPlane(t), newService(t)
	e := newEnvoy(t, p, backOff, 1)
	good := impatient(t, startSealmesh(t, e.listen, service.Listener.Addr().String()))
	until(t, "Envoy connects", func() bool { return len(p.server.Nodes()) > 0 })
	ok(t, p.server.Set(t.Context(), without(good)))
	until(t, "the listener opens", e.listens)
	if seal, free := post(e, service, "/seal/a"), post(e, service, "/free/a"); seal != "500" || free != "clear" {
		t.Errorf("without the filter: %s and %s", seal, free)
	}
	ok(t, p.server.Set(t.Context(), good))
	if seal := post(e, service, "/seal/a"); seal != "sealed" {
		t.Errorf("with the filter: %s", seal)
	}
}

// inFlight runs change while the service works on a request, which must be
// sealed.
func inFlight(t *testing.T, e *envoy, s *service, change func() error) func() error {
	return func() error {
		done := make(chan string)
		go func() { done <- post(e, s, "/seal/slow") }()
		<-s.came
		err := change()
		s.leave <- struct{}{}
		if got := <-done; got != "sealed" {
			t.Errorf("the request in flight: %s", got)
		}
		return err
	}
}

func noTrailers(m *procv3.ExternalProcessor) {
	m.ProcessingMode.RequestBodyMode = procv3.ProcessingMode_FULL_DUPLEX_STREAMED
	m.ProcessingMode.RequestTrailerMode = procv3.ProcessingMode_SKIP
}

func slower(m *procv3.ExternalProcessor) { m.MessageTimeout = durationpb.New(9 * time.Second) }

func noTrailersRoute(m *procv3.ExtProcPerRoute) {
	m.GetOverrides().ProcessingMode.RequestBodyMode = procv3.ProcessingMode_FULL_DUPLEX_STREAMED
	m.GetOverrides().ProcessingMode.RequestTrailerMode = procv3.ProcessingMode_SKIP
}

// change returns a copy of rs in which edit has changed each body that is an M.
func change[M proto.Message](rs []xds.Resource, edit func(M)) []xds.Resource {
	var out []xds.Resource
	for _, r := range rs {
		if _, ok := r.Body.(M); ok {
			r.Body = proto.Clone(r.Body)
			edit(r.Body.(M))
		}
		out = append(out, r)
	}
	return out
}

// without returns rs without the filter.
func without(rs []xds.Resource) (out []xds.Resource) {
	for _, r := range rs {
		if _, ok := r.Body.(*corev3.TypedExtensionConfig); !ok {
			out = append(out, r)
		}
	}
	return out
}

func filtered(t *testing.T, rs []xds.Resource, edit func(*procv3.ExternalProcessor)) []xds.Resource {
	return change(rs, func(c *corev3.TypedExtensionConfig) { repack(t, c.TypedConfig, edit) })
}

func typed(t *testing.T, rs []xds.Resource) []xds.Resource {
	return change(rs, func(c *corev3.TypedExtensionConfig) { c.TypedConfig = pack(t, new(routev3.FilterConfig)) })
}

// routed changes the filter's message of the first route; without edit it is
// empty, and of the filter of that name.
func routed(t *testing.T, rs []xds.Resource, name string, edit func(*procv3.ExtProcPerRoute)) []xds.Resource {
	return change(rs, func(c *routev3.RouteConfiguration) {
		per := c.VirtualHosts[0].Routes[0].TypedPerFilterConfig
		if edit == nil {
			per[name] = pack(t, new(procv3.ExtProcPerRoute))
			return
		}
		repack(t, per[name], edit)
	})
}

// smaller changes something else of the listener.
func smaller(rs []xds.Resource) []xds.Resource {
	return change(rs, func(l *listenerv3.Listener) { l.PerConnectionBufferLimitBytes = wrapperspb.UInt32(12345) })
}

// impatient lets the listener wait for its filter for half a second.
func impatient(t *testing.T, rs []xds.Resource) []xds.Resource {
	return change(rs, func(l *listenerv3.Listener) {
		repack(t, l.FilterChains[0].Filters[0].GetTypedConfig(), func(m *hcmv3.HttpConnectionManager) {
			m.HttpFilters[0].GetConfigDiscovery().ConfigSource.InitialFetchTimeout = durationpb.New(time.Second / 2)
		})
	})
}

// repack changes the message in a.
func repack[M interface {
	*T
	proto.Message
}, T any](t *testing.T, a *anypb.Any, edit func(M)) {
	t.Helper()
	m := M(new(T))
	ok(t, a.UnmarshalTo(m))
	edit(m)
	ok(t, a.MarshalFrom(m))
}
