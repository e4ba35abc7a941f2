package demo

import (
	"errors"
	"net"
	"net/http"
	"net/url"

	"github.com/sealmesh/sealmesh/proxy/dataplane"
	"github.com/sealmesh/sealmesh/proxy/policy"
	"github.com/sealmesh/sealmesh/proxy/wire"
)

// standIn serves in place of Envoy: one data plane for each route of the
// policy, with the messages that the route needs.
func (s *stack) standIn(listen, upstream string, p *policy.Policy) error {
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	target := &url.URL{Scheme: "http", Host: upstream}
	planes := make(map[*policy.Route]*dataplane.Proxy)
	for _, r := range p.Routes {
		plane, err := dataplane.New(dataplane.Config{
			Processor:   "unix:" + s.path("ext_proc.sock"),
			Upstream:    target,
			BufferLimit: int(p.Limits.BufferedBytes),
			Mode:        modeOf(r),
		})
		if err != nil {
			return errors.Join(err, l.Close())
		}
		planes[r] = plane
	}
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		route, err := p.Match(r.Method, r.Host, r.RequestURI)
		if err != nil || route == nil {
			http.Error(w, "no route", http.StatusForbidden)
			return
		}
		planes[route].ServeHTTP(w, r)
	})}
	go func() { _ = srv.Serve(l) }()
	s.standInDown = func() {
		_ = srv.Close()
		for _, plane := range planes {
			_ = plane.Close()
		}
	}
	return nil
}

// modeOf returns the processing mode that the generated Envoy configuration has
// for a route, with headers.
func modeOf(r *policy.Route) dataplane.Mode {
	var m dataplane.Mode
	if r.Skip {
		return m
	}
	m.RequestHeaders = true
	if r.Request != nil {
		m.RequestBody = wire.ModeBuffered
	}
	if r.Response != nil {
		m.ResponseHeaders, m.ResponseBody = true, wire.ModeBuffered
	}
	return m
}
