package envoycheck

import (
	"cmp"
	"regexp"
	"strings"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
)

// A taken is an Envoy route that a request may take.
type taken struct {
	host  *routev3.VirtualHost
	route *routev3.Route
}

func (t taken) name() string { return "route " + cmp.Or(t.route.GetName(), "without a name") }

// A player plays one route table.
type player struct {
	regexes
	table *routev3.RouteConfiguration
	// byPath has the routes of each virtual host whose path matches: many requests
	// differ only in method and host.
	byPath map[pathOf][]*routev3.Route
}

type pathOf struct {
	host *routev3.VirtualHost
	path string
}

// take returns the routes that Envoy may take for s. There are several if a
// matcher cannot be decided here: then the routes after it count as well.
func (p *player) take(s sample) (all []taken) {
	host := hostFor(p.table, s.host)
	key := pathOf{host, s.path}
	routes, known := p.byPath[key]
	if !known {
		for _, r := range host.GetRoutes() {
			if p.matchesPath(r.GetMatch(), s.path) != no {
				routes = append(routes, r)
			}
		}
		p.byPath[key] = routes
	}
	for _, r := range routes {
		switch p.matches(r.GetMatch(), s) {
		case yes:
			return append(all, taken{host, r})
		case maybe:
			all = append(all, taken{host, r})
		}
	}
	return all
}

// hostFor returns the virtual host for host. An exact domain comes before the
// longest suffix, then the longest prefix, then *.
func hostFor(table *routev3.RouteConfiguration, host string) (best *routev3.VirtualHost) {
	rank := -1
	for _, v := range table.GetVirtualHosts() {
		for _, d := range v.GetDomains() {
			if r := domainRank(strings.ToLower(d), strings.ToLower(host)); r > rank {
				best, rank = v, r
			}
		}
	}
	return best
}

func domainRank(domain, host string) int {
	name, _, _ := strings.Cut(host, ":")
	switch {
	case domain == "*":
		return 0
	case domain == host || domain == name:
		return 3 << 20
	case strings.HasPrefix(domain, "*") && strings.HasSuffix(name, domain[1:]) && len(name) > len(domain)-1:
		return 2<<20 + len(domain)
	case strings.HasSuffix(domain, "*") && strings.HasPrefix(host, domain[:len(domain)-1]):
		return 1<<20 + len(domain)
	}
	return -1
}

type verdict uint8

const (
	no verdict = iota
	maybe
	yes
)

func decide(ok bool) verdict {
	if ok {
		return yes
	}
	return no
}

// regexes are the expressions of a configuration, compiled once; nil for those
// that Go cannot compile.
type regexes map[string]*regexp.Regexp

// whole matches the whole value, as Envoy does with RE2.
func (x regexes) whole(m *matcherv3.RegexMatcher, s string) verdict {
	re, known := x[m.GetRegex()]
	if !known {
		re, _ = regexp.Compile("^(?:" + m.GetRegex() + ")$")
		x[m.GetRegex()] = re
	}
	if re == nil {
		return maybe
	}
	return decide(re.MatchString(s))
}

func (x regexes) matches(m *routev3.RouteMatch, s sample) verdict {
	v := x.matchesPath(m, s.path)
	for _, h := range m.GetHeaders() {
		v = min(v, x.matchesHeader(h, s))
	}
	if m.GetRuntimeFraction() != nil || m.GetGrpc() != nil || m.GetTlsContext() != nil ||
		len(m.GetQueryParameters())+len(m.GetCookies())+len(m.GetDynamicMetadata())+len(m.GetFilterState()) > 0 {
		v = min(v, maybe)
	}
	return v
}

func (x regexes) matchesPath(m *routev3.RouteMatch, path string) verdict {
	folded := func(a, b string) (string, string) {
		if c := m.GetCaseSensitive(); c != nil && !c.GetValue() {
			return strings.ToLower(a), strings.ToLower(b)
		}
		return a, b
	}
	switch p := m.GetPathSpecifier().(type) {
	case *routev3.RouteMatch_Prefix:
		prefix, path := folded(p.Prefix, path)
		return decide(strings.HasPrefix(path, prefix))
	case *routev3.RouteMatch_Path:
		want, path := folded(p.Path, path)
		return decide(path == want)
	case *routev3.RouteMatch_PathSeparatedPrefix:
		prefix, path := folded(p.PathSeparatedPrefix, path)
		return decide(path == prefix || strings.HasPrefix(path, prefix+"/"))
	case *routev3.RouteMatch_SafeRegex:
		return x.whole(p.SafeRegex, path)
	case *routev3.RouteMatch_ConnectMatcher_:
		return no // CONNECT has no path, and no sample is a CONNECT
	}
	return maybe
}

func (x regexes) matchesHeader(h *routev3.HeaderMatcher, s sample) verdict {
	value, known := map[string]string{":method": s.method, ":authority": s.host, ":path": s.path}[h.GetName()]
	if !known {
		return maybe
	}
	v := x.matchesValue(h, value)
	if h.GetInvertMatch() && v != maybe {
		return yes - v
	}
	return v
}

func (x regexes) matchesValue(h *routev3.HeaderMatcher, value string) verdict {
	switch m := h.GetHeaderMatchSpecifier().(type) {
	case nil:
		return yes // the header is present
	case *routev3.HeaderMatcher_StringMatch:
		return x.matchesString(m.StringMatch, value)
	case *routev3.HeaderMatcher_ExactMatch:
		return decide(value == m.ExactMatch)
	case *routev3.HeaderMatcher_PrefixMatch:
		return decide(strings.HasPrefix(value, m.PrefixMatch))
	case *routev3.HeaderMatcher_SuffixMatch:
		return decide(strings.HasSuffix(value, m.SuffixMatch))
	case *routev3.HeaderMatcher_ContainsMatch:
		return decide(strings.Contains(value, m.ContainsMatch))
	case *routev3.HeaderMatcher_SafeRegexMatch:
		return x.whole(m.SafeRegexMatch, value)
	case *routev3.HeaderMatcher_PresentMatch:
		return decide(m.PresentMatch)
	}
	return maybe
}

func (x regexes) matchesString(m *matcherv3.StringMatcher, value string) verdict {
	folded := func(s string) string {
		if m.GetIgnoreCase() {
			return strings.ToLower(s)
		}
		return s
	}
	switch p := m.GetMatchPattern().(type) {
	case *matcherv3.StringMatcher_Exact:
		return decide(folded(value) == folded(p.Exact))
	case *matcherv3.StringMatcher_Prefix:
		return decide(strings.HasPrefix(folded(value), folded(p.Prefix)))
	case *matcherv3.StringMatcher_Suffix:
		return decide(strings.HasSuffix(folded(value), folded(p.Suffix)))
	case *matcherv3.StringMatcher_Contains:
		return decide(strings.Contains(folded(value), folded(p.Contains)))
	case *matcherv3.StringMatcher_SafeRegex:
		return x.whole(p.SafeRegex, value)
	}
	return maybe
}
