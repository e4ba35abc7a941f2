package envoycheck

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"

	"github.com/sealmesh/sealmesh/proxy/policy"
)

// A sample is a request, and the route of the policy that it matches, nil for
// none.
type sample struct {
	method, host, path string
	route              *policy.Route
	ambiguous          bool // servers may read the path in two ways, so that sealmesh refuses it
}

func (s sample) String() string { return s.method + " " + s.host + s.path }

// samples are requests that distinguish the routes of p and of a table.
type samples struct {
	policy *policy.Policy
	seen   map[string]bool
	list   []sample
}

// anyHost is the host of requests where a policy or a table names none.
const anyHost = "sealmesh.example"

// requests makes requests for every route of the policy, in several spellings;
// for every route of table; and for every pair of both that has requests in
// common.
func (c *check) requests(table *routev3.RouteConfiguration) []sample {
	s := &samples{policy: c.policy, seen: map[string]bool{}}
	for _, r := range c.policy.Routes {
		methods := r.Methods
		if len(methods) == 0 {
			methods = []string{"POST", "GET", "PUT", "PATCH", "DELETE"}
		}
		s.all(methods, hostsOf(r), spellings(r))
	}
	s.add("POST", anyHost, "/sealmesh-check/no-such-route")
	for _, v := range table.GetVirtualHosts() {
		for _, e := range v.GetRoutes() {
			s.cross(c.regexes, v, e.GetMatch())
		}
	}
	return s.list
}

// cross adds requests for the Envoy route that m matches, alone and with each
// route of the policy.
func (s *samples) cross(x regexes, v *routev3.VirtualHost, m *routev3.RouteMatch) {
	methods, hosts := s.headers(m, v)
	for _, path := range paths(m) {
		s.all(methods, hosts, []string{path})
		bare := strings.TrimSuffix(path, "/")
		s.all(methods[:1], hosts[:1], []string{bare + "/..;/a", bare + "/%252e%252e/a"})
		for _, r := range s.policy.Routes {
			if both := fill(r, path); x.matchesPath(m, both) != no {
				s.all(slices.Concat(r.Methods, methods), slices.Concat(hostsOf(r), hosts), []string{both})
			}
		}
	}
}

func (s *samples) all(methods, hosts, paths []string) {
	for _, m := range methods {
		for _, h := range hosts {
			for _, path := range paths {
				s.add(m, h, path)
			}
		}
	}
}

// add adds a request, unless it exists, or would be refused for its host or
// method. It merges slashes, as Envoy does wherever that matters: see
// ManagerSettings.
func (s *samples) add(method, host, path string) {
	for strings.Contains(path, "//") {
		path = strings.ReplaceAll(path, "//", "/")
	}
	key := method + " " + host + path
	if s.seen[key] || !strings.HasPrefix(path, "/") {
		return
	}
	s.seen[key] = true
	r, err := s.policy.Match(method, host, path)
	switch {
	case err == nil:
		s.list = append(s.list, sample{method, host, path, r, false})
	case errors.Is(err, policy.ErrAmbiguousPath):
		s.list = append(s.list, sample{method, host, path, nil, true})
	}
}

// hostsOf returns hosts that r matches.
func hostsOf(r *policy.Route) []string {
	if len(r.Hosts) == 0 {
		return []string{anyHost}
	}
	var all []string
	for _, h := range r.Hosts {
		all = append(all, strings.Replace(h, "*", "a", 1))
	}
	return all
}

// headers returns the methods and hosts that a route of v is for.
func (s *samples) headers(m *routev3.RouteMatch, v *routev3.VirtualHost) (methods, hosts []string) {
	for _, d := range v.GetDomains() {
		if d != "*" {
			hosts = append(hosts, strings.Replace(d, "*", "a", 1))
		}
	}
	for _, h := range m.GetHeaders() {
		switch h.GetName() {
		case ":method":
			methods = append(methods, values(h)...)
		case ":authority":
			hosts = append(hosts, values(h)...)
		}
	}
	if len(methods) == 0 {
		methods = []string{"POST", "GET"}
	}
	if len(hosts) == 0 {
		hosts = []string{anyHost}
	}
	return few(methods), few(hosts)
}

// few keeps the first four values. The values that routes of the policy name
// are tried in addition.
func few(values []string) []string { return values[:min(len(values), 4)] }

// values returns values of a header that h matches.
func values(h *routev3.HeaderMatcher) []string {
	switch m := h.GetHeaderMatchSpecifier().(type) {
	case *routev3.HeaderMatcher_StringMatch:
		return patterns(m.StringMatch)
	case *routev3.HeaderMatcher_ExactMatch:
		return []string{m.ExactMatch}
	case *routev3.HeaderMatcher_SafeRegexMatch:
		return examples(m.SafeRegexMatch.GetRegex())
	}
	return nil
}

func patterns(m *matcherv3.StringMatcher) []string {
	switch p := m.GetMatchPattern().(type) {
	case *matcherv3.StringMatcher_Exact:
		return []string{p.Exact}
	case *matcherv3.StringMatcher_Prefix:
		return []string{p.Prefix}
	case *matcherv3.StringMatcher_Suffix:
		return []string{"a" + p.Suffix}
	case *matcherv3.StringMatcher_SafeRegex:
		return examples(p.SafeRegex.GetRegex())
	}
	return nil
}

// paths returns paths that m matches.
func paths(m *routev3.RouteMatch) []string {
	switch p := m.GetPathSpecifier().(type) {
	case *routev3.RouteMatch_Prefix:
		return []string{p.Prefix, strings.TrimSuffix(p.Prefix, "/") + "/a", p.Prefix + "a"}
	case *routev3.RouteMatch_Path:
		return []string{p.Path}
	case *routev3.RouteMatch_PathSeparatedPrefix:
		return []string{p.PathSeparatedPrefix, p.PathSeparatedPrefix + "/a"}
	case *routev3.RouteMatch_SafeRegex:
		return examples(p.SafeRegex.GetRegex())
	}
	return []string{"/", "/a"} // a template or an extension: all that is known is that it matches paths
}

// spellings returns paths that r matches.
func spellings(r *policy.Route) []string {
	var list []string
	for _, rest := range []string{"", "/a", "/a/b.c"} {
		path := fill(r, "") + rest
		if rest != "" && !strings.HasSuffix(r.Path, "**") {
			continue
		}
		list = append(list, path, strings.TrimSuffix(path, "/")+"/")
	}
	list = append(list, encoded(list[0]))
	if r.IgnoreCase {
		list = append(list, strings.ToUpper(list[0]))
	}
	return list
}

// encoded percent-encodes every byte of path that stays encoded in Envoy.
func encoded(path string) string {
	var b strings.Builder
	for i := range len(path) {
		if c := path[i]; c != '/' && c != '%' && strings.IndexByte("!$&'()*+,:;=@", c) >= 0 {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// fill returns a path that r matches and that is as much like path as possible:
// segments of path replace the wildcards in the template of r.
func fill(r *policy.Route, path string) string {
	given := strings.Split(strings.TrimPrefix(path, "/"), "/")
	var b strings.Builder
	i := 0
	for s := range strings.SplitSeq(strings.Trim(r.Path, "/"), "/") {
		have := ""
		if i < len(given) {
			have = given[i]
		}
		switch {
		case s == "":
		case s == "**":
			if rest := strings.Join(given[min(i, len(given)):], "/"); rest != "" {
				b.WriteString("/" + rest)
			}
		case s == "*" || strings.HasPrefix(s, "{"):
			if have == "" {
				have = "1"
			}
			b.WriteString("/" + have)
		case same(s, have, r.IgnoreCase):
			b.WriteString("/" + have)
		default:
			b.WriteString("/" + url.PathEscape(s))
		}
		i++
	}
	if b.Len() == 0 {
		return "/"
	}
	return b.String()
}

// same reports whether have is a spelling of the literal s.
func same(s, have string, fold bool) bool {
	have, err := url.PathUnescape(have)
	return err == nil && (have == s || fold && strings.EqualFold(have, s))
}
