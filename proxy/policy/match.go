package policy

import "strings"

// Match finds the first route that a request falls under, nil when there is
// none. path is the :path pseudo-header, with its query. ErrAmbiguousPath is returned for a path that
// two servers could read differently (dot segments, empty segments, encoded slashes), whatever the
// routes are; ErrAmbiguousHost is the same of host, and
// ErrMethodInQuery of the method, where that selects rules.
//
// Paths are compared decoded, segment by segment, without a trailing slash, and with regard
// to case unless the route says otherwise. Parameters (/a;x=1) belong to a segment for
// some servers and not for others, so both readings must fall under the same route.
//
// OPTIONS * asks about the server as a whole and falls under no route. CONNECT falls under a
// route only if that names the method and has skip; else it is ErrTunnel.
//
// It allocates nothing unless path holds percent-encoding or more than 32 segments.
func (p *Policy) Match(method, host, path string) (*Route, error) {
	host, err := hostname(host)
	if err != nil {
		return nil, err
	}
	if p.byMethod && methodInQuery(path) {
		return nil, ErrMethodInQuery
	}
	connect := strings.EqualFold(method, "CONNECT")
	switch {
	case path == "*" && strings.EqualFold(method, "OPTIONS"):
		return nil, nil
	case path == "" && connect:
		path = "/" // RFC 9113 section 8.5: CONNECT has no :path
	}
	var room [inlineSegments]string
	segments, params, err := split(room[:0], path)
	if err != nil {
		return nil, err
	}
	route := p.index.find(method, host, segments)
	if params {
		cutParams(segments)
		if p.index.find(method, host, segments) != route {
			return nil, ErrAmbiguousPath
		}
	}
	if connect && (route == nil || !route.Skip || len(route.Methods) == 0) {
		return nil, ErrTunnel
	}
	return route, nil
}

// A routeIndex holds the routes by the first literal segment of their paths, each
// list in the order of the file.
type routeIndex struct {
	byFirst map[string][]*Route
	others  []*Route // those that any first segment, or none, may match
}

func newRouteIndex(routes []*Route) routeIndex {
	x := routeIndex{byFirst: map[string][]*Route{}}
	for _, r := range routes {
		if first, ok := r.template.first(); ok {
			x.byFirst[first] = nil
		}
	}
	for _, r := range routes {
		first, ok := r.template.first()
		for name, list := range x.byFirst {
			if !ok || first == name {
				x.byFirst[name] = append(list, r)
			}
		}
		if !ok {
			x.others = append(x.others, r)
		}
	}
	return x
}

// first returns the literal that every path begins with, where there is one.
func (t *template) first() (string, bool) {
	if t.fold || len(t.steps) == 0 || t.steps[0].any {
		return "", false
	}
	return t.steps[0].literal, true
}

func (x *routeIndex) find(method, host string, segments []string) *Route {
	list := x.others
	if len(segments) > 0 {
		if l, ok := x.byFirst[segments[0]]; ok {
			list = l
		}
	}
	for _, r := range list {
		if r.takesMethod(method) && (len(r.Hosts) == 0 || matchesHost(r.Hosts, host)) && r.template.matches(segments) {
			return r
		}
	}
	return nil
}

// takesMethod disregards case: some frameworks take "post" for POST.
func (r *Route) takesMethod(method string) bool {
	for _, m := range r.Methods {
		if strings.EqualFold(m, method) {
			return true
		}
	}
	return len(r.Methods) == 0
}
