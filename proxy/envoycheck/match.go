package envoycheck

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"github.com/sealmesh/sealmesh/proxy/policy"
)

// A sample is a request, and the route of the policy that it falls under, nil for none.
type sample struct {
	method, host, path string
	route              *policy.Route
}

func (s sample) String() string { return s.method + " " + s.host + s.path }

// samples are requests for every route of p, in the spellings that fall under it, and one that
// falls under none.
func samples(p *policy.Policy) []sample {
	var out []sample
	add := func(method, host, path string) {
		r, err := p.Match(method, host, path)
		s := sample{method, host, path, r}
		if err == nil && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	for _, r := range p.Routes {
		methods, hosts := r.Methods, r.Hosts
		if len(methods) == 0 {
			methods = []string{"POST", "GET", "PUT", "PATCH", "DELETE"}
		}
		if len(hosts) == 0 {
			hosts = []string{"sealmesh.example"}
		}
		for _, m := range methods {
			for _, h := range hosts {
				h = strings.Replace(h, "*", "a", 1)
				for _, path := range spellings(r) {
					add(m, h, path)
				}
			}
		}
	}
	add("POST", "sealmesh.example", "/sealmesh-check/no-such-route")
	return out
}

// spellings are paths that fall under r.
func spellings(r *policy.Route) []string {
	var list []string
	for _, rest := range []string{"", "/a", "/a/b.c"} {
		path := ""
		for s := range strings.SplitSeq(strings.Trim(r.Path, "/"), "/") {
			switch {
			case s == "**":
				path += rest
			case s == "*" || strings.HasPrefix(s, "{"):
				path += "/1"
			case s != "":
				path += "/" + s
			}
		}
		list = append(list, cmp.Or(path, "/"), path+"/")
	}
	if r.IgnoreCase {
		list = append(list, strings.ToUpper(list[0]))
	}
	return list
}

// taken is an Envoy route that a request may take.
type taken struct{ host, route node }

func (t taken) name() string { return "route " + cmp.Or(t.route.text("name"), "without a name") }

// take plays Envoy: the routes that s takes. There are several where a matcher cannot be
// decided here: then the next routes count as well.
func take(table node, s sample) []taken {
	var out []taken
	for _, host := range hostsFor(table, s.host) {
		for _, r := range host.nodes("routes") {
			switch matches(r.node("match"), s) {
			case yes:
				return append(out, taken{host, r})
			case maybe:
				out = append(out, taken{host, r})
			}
		}
	}
	return out
}

// hostsFor returns the virtual host of that domain: exact before the longest suffix, before the longest
// prefix, before *.
func hostsFor(table node, host string) []node {
	var best node
	rank := -1
	for _, v := range table.nodes("virtual_hosts") {
		for _, d := range v.texts("domains") {
			if r := domainRank(strings.ToLower(d), strings.ToLower(host)); r > rank {
				best, rank = v, r
			}
		}
	}
	if best == nil {
		return nil
	}
	return []node{best}
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

func matches(m node, s sample) verdict {
	v := matchesPath(m, s.path)
	for _, h := range m.nodes("headers") {
		v = min(v, matchesHeader(h, s))
	}
	for _, key := range m.keys() {
		switch key {
		case "prefix", "path", "safe_regex", "path_separated_prefix", "case_sensitive", "headers":
		default: // query parameters, runtime fractions, gRPC, TLS context, extensions
			v = min(v, maybe)
		}
	}
	return v
}

func matchesPath(m node, path string) verdict {
	folded := func(a, b string) (string, string) {
		if c, ok := m["case_sensitive"].(bool); ok && !c {
			return strings.ToLower(a), strings.ToLower(b)
		}
		return a, b
	}
	decide := func(ok bool) verdict {
		if ok {
			return yes
		}
		return no
	}
	switch {
	case m["prefix"] != nil:
		prefix, p := folded(m.text("prefix"), path)
		return decide(strings.HasPrefix(p, prefix))
	case m["path"] != nil:
		want, p := folded(m.text("path"), path)
		return decide(p == want)
	case m["path_separated_prefix"] != nil:
		prefix, p := folded(m.text("path_separated_prefix"), path)
		return decide(p == prefix || strings.HasPrefix(p, prefix+"/"))
	case m["safe_regex"] != nil:
		return matchesRegex(m.node("safe_regex"), path)
	}
	return maybe
}

// matchesRegex: Envoy uses RE2 as Go does, and matches whole values.
func matchesRegex(m node, s string) verdict {
	re, err := regexp.Compile("^(?:" + m.text("regex") + ")$")
	switch {
	case err != nil:
		return maybe
	case re.MatchString(s):
		return yes
	}
	return no
}

func matchesHeader(h node, s sample) verdict {
	value, known := map[string]string{":method": s.method, ":authority": s.host, ":path": s.path}[h.text("name")]
	if !known || h.flag("invert_match") {
		return maybe
	}
	m := h.node("string_match")
	switch {
	case m == nil || m.flag("ignore_case"):
		return maybe
	case m["exact"] != nil:
		if m.text("exact") == value {
			return yes
		}
		return no
	case m["safe_regex"] != nil:
		return matchesRegex(m.node("safe_regex"), value)
	}
	return maybe
}
