package bootstrap

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/sealmesh/sealmesh/proxy/policy"
)

// routes returns one Envoy route per policy route, in order, and one for all
// other requests.
func routes(f Facts, opt Options) []*routev3.Route {
	var out []*routev3.Route
	for _, r := range f.Policy.Routes {
		m := &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_SafeRegex{SafeRegex: regex(pathRegex(r))}}
		if len(r.Methods) > 0 || Off(r) {
			m.Headers = append(m.Headers, headerMatch(":method", methodRegex(r)))
		}
		if len(r.Hosts) > 0 || Off(r) {
			m.Headers = append(m.Headers, headerMatch(":authority", hostRegex(r)))
		}
		to := toUpstream(r.Name, m, opt, Off(r))
		to.TypedPerFilterConfig = map[string]*anypb.Any{filterName: pack(perRoute(r, f))}
		out = append(out, to)
	}
	rest := &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_Prefix{Prefix: "/"}}
	last := toUpstream("unmatched", rest, opt, f.Policy.Unmatched == policy.PassUnmatched)
	last.TypedPerFilterConfig = unmatched(f)
	return append(out, last)
}

func toUpstream(name string, m *routev3.RouteMatch, opt Options, upgradable bool) *routev3.Route {
	r := &routev3.Route{Name: name, StatPrefix: StatPrefix(name), Match: m, Action: &routev3.Route_Route{
		Route: &routev3.RouteAction{ClusterSpecifier: &routev3.RouteAction_Cluster{Cluster: upstreamCluster}},
	}}
	plainRoute(r, opt, upgradable)
	return r
}

// StatPrefix returns the name of a route in Envoy's stats, where requests that
// have reached the service are counted: vhost.all.route.PREFIX.
func StatPrefix(name string) string {
	return strings.Map(func(r rune) rune {
		if r < utf8.RuneSelf && (unreserved(byte(r)) && r != '.' && r != '~') {
			return r
		}
		return '_'
	}, name)
}

func regex(s string) *matcherv3.RegexMatcher { return &matcherv3.RegexMatcher{Regex: s} }

func headerMatch(name, re string) *routev3.HeaderMatcher {
	return &routev3.HeaderMatcher{Name: name, HeaderMatchSpecifier: &routev3.HeaderMatcher_StringMatch{
		StringMatch: &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_SafeRegex{SafeRegex: regex(re)}},
	}}
}

// pathRegex returns a route's path template as an expression over a path
// without its query. Like the policy's own matcher it makes a trailing slash
// optional.
//
// On a skipped route sealmesh never sees the request, so that only plain paths
// (and plain methods and hosts) may match it: a server may read
// "/free/..;/customers" or "/free/%252e%252e/customers" as another path. All
// other requests fall through to the last route, where sealmesh decides.
func pathRegex(r *policy.Route) string {
	segment, rest := "/[^/]+", "(/.*)?"
	if Off(r) {
		const plain = `!-$&-.0-:<-\[\]-~` // printable ASCII without % ; \ and /
		segment, rest = "/["+plain+"]+", "(/["+plain+"/]*)?"
	}
	var b strings.Builder
	if r.IgnoreCase {
		b.WriteString("(?i)")
	}
	b.WriteString("^")
	for s := range strings.SplitSeq(strings.Trim(r.Path, "/"), "/") {
		switch {
		case s == "":
		case s == "**":
			b.WriteString(rest)
		case s == "*" || strings.HasPrefix(s, "{"):
			b.WriteString(segment)
		default:
			b.WriteString("/" + literalRegex(s, Off(r)))
		}
	}
	b.WriteString("/?$")
	return b.String()
}

// literalRegex matches a literal segment. A client may percent-encode any byte.
// Envoy has decoded the unreserved bytes by then (RFC 3986 section 6.2.2.2), so
// that the others are matched in both forms, unless plain is set.
func literalRegex(s string, plain bool) string {
	var b strings.Builder
	for i := range len(s) {
		c, raw := s[i], regexp.QuoteMeta(s[i:i+1])
		switch {
		case c >= utf8.RuneSelf:
			fmt.Fprintf(&b, "(?i:%%%02X)", c)
		case plain || unreserved(c):
			b.WriteString(raw)
		default:
			fmt.Fprintf(&b, "(?i:%s|%%%02X)", raw, c)
		}
	}
	return b.String()
}

func unreserved(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z' || strings.IndexByte("-._~", c) >= 0
}

// methodRegex matches the methods of r. Like the policy's own matcher it
// ignores case, since HTTP/2 allows "post", which some frameworks take for
// POST. On a skipped route only plain spellings match.
func methodRegex(r *policy.Route) string {
	switch {
	case len(r.Methods) == 0:
		return "^[A-Z_-]+$"
	case Off(r):
		return "^(" + strings.Join(r.Methods, "|") + ")$"
	}
	return "(?i)^(" + strings.Join(r.Methods, "|") + ")$"
}

// hostRegex matches the :authority of the hosts of r, with or without a port.
// Like the policy's own matcher it accepts a trailing dot, and a colon without
// a port. On a skipped route only plain spellings match, of any host if r names
// none.
func hostRegex(r *policy.Route) string {
	const plain = `[0-9A-Za-z_-]+(\.[0-9A-Za-z_-]+)*`
	var parts []string
	for _, h := range r.Hosts {
		suffix, all := strings.CutPrefix(h, "*.")
		switch {
		case !all:
			parts = append(parts, regexp.QuoteMeta(h))
		case Off(r):
			parts = append(parts, plain+`\.`+regexp.QuoteMeta(suffix))
		default:
			parts = append(parts, `[^:]+\.`+regexp.QuoteMeta(suffix))
		}
	}
	if len(parts) == 0 {
		parts = []string{plain, `\[[0-9A-Fa-f:.]+\]`}
	}
	end := `\.?(:[0-9]*)?$`
	if Off(r) {
		end = "(:[0-9]+)?$"
	}
	return "(?i)^(" + strings.Join(parts, "|") + ")" + end
}
