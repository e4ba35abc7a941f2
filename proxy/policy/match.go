package policy

import (
	"errors"
	"net/url"
	"slices"
	"strings"
)

// Match returns the first route that a request falls under, or nil for none.
// path is the :path pseudo-header with its query.
//
// Match returns ErrAmbiguousPath for a path that two servers could read
// differently (dot segments, empty segments, encoded slashes), whatever the
// routes are. It returns ErrAmbiguousHost for such a host, and ErrMethodInQuery
// for such a method if methods select rules.
//
// Paths are compared decoded, segment by segment and without a trailing slash.
// Case counts unless the route ignores it. Some servers count parameters
// (/a;x=1) as part of a segment and others do not, so both readings must fall
// under the same route.
//
// OPTIONS * concerns the whole server (RFC 9110 section 9.3.7) and falls under
// no route. CONNECT falls under a route only if the route names the method and
// has skip; otherwise the error is ErrTunnel.
//
// Match allocates nothing unless path has percent-encoding or more than 32
// segments.
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

// A routeIndex holds the routes by the first literal segment of their paths.
// Each list is in the order of the file.
type routeIndex struct {
	byFirst map[string][]*Route
	others  []*Route // routes that do not begin with a literal
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

// first returns the literal that every path of t begins with, and whether there
// is one.
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

// takesMethod ignores case: some frameworks read "post" as POST.
func (r *Route) takesMethod(method string) bool {
	for _, m := range r.Methods {
		if strings.EqualFold(m, method) {
			return true
		}
	}
	return len(r.Methods) == 0
}

// ErrMethodInQuery is returned if methods select rules and a request's query
// has the parameter _method, which Symfony, Laravel, Spring and Express read as
// the method.
var ErrMethodInQuery = errors.New("match: the query has _method, which some servers take for the method")

// HasRules reports whether any route has rules.
func (p *Policy) HasRules() bool {
	return slices.ContainsFunc(p.Routes, func(r *Route) bool { return !r.Skip })
}

// ByMethod reports whether a request's method decides which rules apply.
func (p *Policy) ByMethod() bool {
	return p.HasRules() && slices.ContainsFunc(p.Routes, func(r *Route) bool { return len(r.Methods) > 0 })
}

// ByHost reports whether a request's host decides which rules apply.
func (p *Policy) ByHost() bool {
	return p.HasRules() && slices.ContainsFunc(p.Routes, func(r *Route) bool { return len(r.Hosts) > 0 })
}

// methodInQuery reports whether a server may read _method, in any spelling, in
// the query of target.
func methodInQuery(target string) bool {
	_, query, _ := strings.Cut(target, "?")
	if query == "" || !strings.Contains(query, "%") && !strings.Contains(strings.ToLower(query), "method") {
		return false
	}
	for pair := range strings.FieldsFuncSeq(query, func(c rune) bool { return c == '&' || c == ';' }) {
		name, _, _ := strings.Cut(pair, "=")
		if isMethodParam(name) {
			return true
		}
	}
	return false
}

// isMethodParam reports whether the laxest servers read name as _method:
// decoded more than once, also from %u005F as IIS does, in any case, and by
// PHP's rules for variables: leading spaces are dropped; a dot, a space or a
// bracket is an underscore; what follows a bracket is an index.
func isMethodParam(name string) bool {
	for range 3 {
		name = strings.NewReplacer("%u00", "%", "%U00", "%", "+", " ").Replace(name)
		plain, err := url.PathUnescape(name)
		if err != nil || plain == name {
			break
		}
		name = plain
	}
	name = strings.TrimLeft(name, " \t\r\n\v\f")
	if name == "" || !strings.ContainsRune("_. [", rune(name[0])) {
		return false
	}
	rest, _, _ := strings.Cut(name[1:], "[")
	rest, _, _ = strings.Cut(rest, "\x00")
	return strings.EqualFold(strings.TrimSpace(rest), "method")
}

// Spelled reports whether a request that falls under r spells its method, host
// and path as r does. Another spelling may fall under another route of an
// Envoy, which compares them more strictly or less strictly.
func (r *Route) Spelled(method, host, path string) bool {
	path, _, _ = strings.Cut(path, "?")
	if name, port := cutPort(host); len(r.Hosts) > 0 && (port == ":" || strings.HasSuffix(name, ".")) {
		return false
	}
	if strings.ContainsAny(path, "%;") || len(r.Methods) > 0 && !slices.Contains(r.Methods, method) {
		return false
	}
	if path == "/" {
		return true
	}
	segments := strings.Split(strings.TrimPrefix(path, "/"), "/")
	exact := r.template
	exact.fold = false
	return exact.matches(segments) && segments[len(segments)-1] != ""
}
