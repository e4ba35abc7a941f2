package policy

import (
	"errors"
	"net"
	"net/url"
	"path"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzLoad holds that no file ends the process, that every outcome is a policy
// or problems with positions in the file, and that loading is deterministic.
func FuzzLoad(f *testing.F) {
	for _, file := range goldenArchives(f) {
		_, cases := readArchive(f, file)
		for _, c := range cases {
			f.Add(c.src)
		}
	}
	f.Fuzz(func(t *testing.T, src string) {
		p, err := Load("policy.yaml", []byte(src), goldenEnv, goldenFiles)
		checkProblems(t, src, p, err)
		again, err2 := Load("policy.yaml", []byte(src), goldenEnv, goldenFiles)
		if err == nil {
			checkPolicy(t, p)
		}
		if !reflect.DeepEqual(err, err2) || (p == nil) != (again == nil) {
			t.Errorf("twice is not the same: %v, %v", err, err2)
		}
	})
}

// checkPolicy holds what the rest of sealmesh relies on.
func checkPolicy(t *testing.T, p *Policy) {
	t.Helper()
	for _, tag := range p.Tags {
		if tag.Suite == 0 || tag.Key == "" {
			t.Errorf("tag %+v", tag)
		}
	}
	for _, k := range p.Keys {
		if len(k.KEKs) == 0 || k.Quorum < 1 || k.Quorum > len(k.KEKs) {
			t.Errorf("key %+v", k)
		}
	}
	for _, r := range p.Routes {
		if r.Name == "" || r.Skip != (r.Request == nil && r.Response == nil) || !strings.HasPrefix(r.Path, "/") {
			t.Errorf("route %+v", r)
		}
		for _, plan := range []*Plan{r.Request, r.Response} {
			if plan == nil {
				continue
			}
			if plan.Selector == nil || plan.Reads() && (plan != r.Request || r.Response == nil) {
				t.Errorf("route %s: plan %+v", r.Name, plan)
			}
			for _, rule := range plan.Rules {
				if rule.Tag < 0 || rule.Tag >= len(p.Tags) {
					t.Errorf("route %s: rule %+v", r.Name, rule)
				}
			}
		}
	}
	if p.Listen == "" || p.Limits.Streams < 1 || p.Limits.BufferedBytes < 1 || len(p.Hash) != 64 {
		t.Errorf("policy %+v", p)
	}
}

// FuzzMatch compares Match with an oracle that is slow and plain: regular
// expressions over decoded paths, one route after the other.
func FuzzMatch(f *testing.F) {
	p := routesOf(f,
		`{path: /customers/**}`,
		`{path: "/a/{id}/c", methods: [POST, PUT]}`,
		`{path: /a/*, hosts: ["*.internal", api.example]}`,
		`{path: /Mixed/**, ignore_case: true, methods: GET}`,
		`{path: /*/b, ignore_case: true}`,
		`{path: /tunnel, methods: CONNECT}`,
		`{path: /, hosts: "[::1]"}`,
	)
	for _, path := range []string{
		"/", "/customers", "/customers/../admin", "/customers%2F1", "//customers", "/CUSTOMERS", "/customers;x=1", "/customers/%00",
		"/a/1/c", "/a/b/", "/mixed/%4d", "/x/B", "/a/..;x", "/a/%252e", "/a/%c0%af", "*", "", "/a%20/b", "/tunnel", "/a/b?c#d",
	} {
		f.Add("GET", "a.internal", path)
		f.Add("POST", "API.example:80", path)
		f.Add("CONNECT", "[::1]:443", path)
	}
	f.Fuzz(func(t *testing.T, method, host, target string) {
		got, err := p.Match(method, host, target)
		if one := oneHost.MatchString(host) && !strings.Contains(host, "..") && isAddressIfBracketed(host); !one || err == ErrAmbiguousHost {
			if one != (err != ErrAmbiguousHost) {
				t.Errorf("%q: %v", host, err)
			}
			return
		}
		want, wantErr := oracle(p, method, host, target)
		if got != want || !errors.Is(err, wantErr) {
			t.Errorf("%q %q %q: %v, %v; oracle %v, %v", method, host, target, got, err, want, wantErr)
		}
	})
}

// isAddressIfBracketed reports whether what stands in brackets is an IPv6 address:
// Go and others read [name] as name.
func isAddressIfBracketed(host string) bool {
	inner, _, ok := strings.Cut(strings.TrimPrefix(host, "["), "]")
	return !strings.HasPrefix(host, "[") || ok && strings.Contains(inner, ":") && net.ParseIP(inner) != nil
}

var (
	oneHost       = regexp.MustCompile(`^(\[[^\x00-\x20\x7f@/\\%,?#\[\]]*\]|[^\x00-\x20\x7f@/\\%,?#:\[\]]*)(:[0-9]*)?$`)
	doubleEncoded = regexp.MustCompile(`%[0-9A-Fa-f]{2}`)
	encodedSlash  = regexp.MustCompile(`(?i)%2f`)
	control       = regexp.MustCompile(`[\x00-\x1f\x7f\\?#]`)
	spaceAtEnd    = regexp.MustCompile(`/[\s\v\x{85}\p{Z}]|[\s\v\x{85}\p{Z}]/|[\s\v\x{85}\p{Z}]$`)
	parameters    = regexp.MustCompile(`;[^/]*`)
)

func oracle(p *Policy, method, host, target string) (*Route, error) {
	connect := regexp.MustCompile(`(?i)^connect$`).MatchString(method)
	if connect && target == "" {
		target = "/"
	}
	if target == "*" && regexp.MustCompile(`(?i)^options$`).MatchString(method) {
		return nil, nil
	}
	raw, _, _ := strings.Cut(target, "?")
	decoded, err := url.PathUnescape(raw)
	bare := parameters.ReplaceAllString(decoded, "")
	if err != nil || !strings.HasPrefix(raw, "/") || strings.Contains(raw, " ") || encodedSlash.MatchString(raw) || control.MatchString(decoded) || !utf8.ValidString(decoded) ||
		doubleEncoded.MatchString(decoded) || strings.Contains(decoded, "/;") || !oneReading(bare) || strings.HasSuffix(decoded, "/") && decoded != "/" && !oneReading(bare[:len(bare)-1]) {
		return nil, ErrAmbiguousPath
	}
	route := oracleRoute(p, method, host, decoded)
	if oracleRoute(p, method, host, bare) != route {
		return nil, ErrAmbiguousPath
	}
	if connect && (route == nil || len(route.Methods) == 0) {
		return nil, ErrTunnel
	}
	return route, nil
}

// oneReading reports whether a decoded path without parameters is clean.
func oneReading(p string) bool {
	clean := path.Clean(p)
	return strings.HasPrefix(p, "/") && (clean == p || clean != "/" && clean+"/" == p) && !spaceAtEnd.MatchString(p)
}

func oracleRoute(p *Policy, method, host, decoded string) *Route {
	for _, r := range p.Routes {
		if oracleAny(r.Methods, method) && oracleHost(r.Hosts, host) && oracleTemplate(r).MatchString(strings.TrimSuffix(decoded, "/")) {
			return r
		}
	}
	return nil
}

func oracleAny(words []string, s string) bool {
	return len(words) == 0 || regexp.MustCompile(`(?i)^(`+strings.Join(words, "|")+`)$`).MatchString(s)
}

func oracleHost(hosts []string, host string) bool {
	for _, h := range hosts {
		h = regexp.QuoteMeta(h)
		if strings.HasPrefix(h, `\*`) {
			h = `.+` + h[2:]
		}
		if regexp.MustCompile(`(?is)^` + h + `\.?(:[^\]:]*)?$`).MatchString(host) {
			return true
		}
	}
	return len(hosts) == 0
}

func oracleTemplate(r *Route) *regexp.Regexp {
	var b strings.Builder
	b.WriteString("^")
	if r.IgnoreCase {
		b.WriteString("(?i)")
	}
	for _, seg := range strings.Split(strings.TrimSuffix(r.Path, "/"), "/")[1:] {
		switch {
		case seg == "**":
			b.WriteString("(/.*)?")
		case seg == "*" || seg[0] == '{':
			b.WriteString("/[^/]+")
		default:
			b.WriteString("/" + regexp.QuoteMeta(seg))
		}
	}
	return regexp.MustCompile(b.String() + "$")
}
