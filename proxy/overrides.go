package proxy

import (
	"strings"

	"github.com/sealmesh/sealmesh/proxy/places"
	"github.com/sealmesh/sealmesh/proxy/policy"
)

// A part is what a header may override of a request.
type part uint8

const (
	ofPath part = 1 << iota
	ofMethod
	ofHost
	ofAll = ofPath | ofMethod | ofHost
)

// overrides are the headers that servers are known to take for the path, the
// method or the host of a request. The policy would then match one request, and
// the server answer another. Some headers are obeyed by no server, but by
// applications behind one. x-forwarded-prefix is not among them: Spring,
// ASP.NET Core, Werkzeug and Starlette put it before the links that they make,
// and route by the path itself.
var overrides = [...]struct {
	name string
	of   part
}{
	{"x-original-url", ofPath},       // Symfony, Laminas, Drupal (CVE-2018-14773); IIS with ARR
	{"x-rewrite-url", ofPath},        // same as x-original-url; ISAPI_Rewrite
	{"x-original-uri", ofPath},       // applications behind ingress-nginx (auth_request)
	{"x-forwarded-uri", ofPath},      // applications behind Traefik and Caddy (forward auth)
	{"x-forwarded-path", ofPath},     // applications behind Kong
	{"x-matched-path", ofPath},       // applications behind Vercel; Next.js
	{"x-invoke-path", ofPath},        // Next.js before 15
	{"x-script-name", ofPath},        // WSGI middleware that cuts the path by it
	{"x-waws-unencoded-url", ofPath}, // IIS with iisnode, as Azure's App Service sets it
	{"x-override-url", ofPath},       // lists of bypasses
	{"x-http-path-override", ofPath}, // lists of bypasses

	{"x-http-method-override", ofMethod}, // Rack, Symfony, Laravel, Express, ASP.NET Core, Google APIs
	{"x-http-method", ofMethod},          // OData, SharePoint; Express
	{"x-method-override", ofMethod},      // Express, Jersey
	{"x-original-method", ofMethod},      // applications behind ingress-nginx (auth_request)
	{"x-forwarded-method", ofMethod},     // applications behind Traefik and Caddy (forward auth)

	{"x-forwarded-host", ofHost},     // Rails; where trusted: Django, Symfony, Spring, Express, ASP.NET Core, Werkzeug
	{"forwarded", ofHost},            // host= of RFC 7239: Rack, Spring, Jetty, Quarkus
	{"x-forwarded-server", ofHost},   // Jetty
	{"x-original-host", ofHost},      // applications behind Azure's gateways and YARP
	{"x-host", ofHost},               // older PHP applications
	{"x-http-host-override", ofHost}, // lists of bypasses
}

// A headerSet is a set of headers by their places in overrides.
type headerSet uint32

// overriding returns the header as a set, empty if the header overrides
// nothing. A Forwarded header without a host stays: it names clients and
// schemes.
func overriding(name, value []byte) headerSet {
	if len(name) == 0 || name[0] != 'x' && name[0] != 'f' {
		return 0
	}
	for i := range overrides {
		if overrides[i].name != string(name) {
			continue
		}
		if name[0] == 'f' && !strings.Contains(strings.ToLower(string(value)), "host") {
			return 0
		}
		return 1 << i
	}
	return 0
}

// A disguise is a header with another character where a header that matters has
// a hyphen. To Envoy it is another header. To servers that make variables of
// header names (CGI, WSGI, PHP) it is the same one: with an underscore, with a
// dot (PHP), or with any character (lighttpd). The generated configuration
// makes Envoy drop all headers with an underscore.
type disguise struct {
	name string
	of   headerSet // what it overrides; empty: it says how the body is read
}

// mayDisguise reports whether name has a character that no header that matters
// has.
func mayDisguise(name []byte) bool {
	for _, c := range name {
		if (c < 'a' || 'z' < c) && c != '-' && (c < '0' || '9' < c) {
			return true
		}
	}
	return false
}

// disguised returns the disguise that the name of a header is. ok is false if
// the header matters to nobody.
func disguised(name []byte) (d disguise, ok bool) {
	d.name = string(name)
	switch plain := places.Plain(d.name); plain {
	case "content-type", "content-encoding", "content-range", "content-length", "transfer-encoding":
		return d, true
	default:
		d.of = overriding([]byte(plain), nil)
		return d, d.of != 0
	}
}

// overriders returns the headers that override any of parts.
func overriders(parts part) (set headerSet) {
	for i := range overrides {
		if overrides[i].of&parts != 0 {
			set |= 1 << i
		}
	}
	return set
}

// appendNames appends the names of the headers in s.
func (s headerSet) appendNames(names []string) []string {
	for i := range overrides {
		if s&(1<<i) != 0 {
			names = append(names, overrides[i].name)
		}
	}
	return names
}

// decisive returns the parts of a request that decide between the rules of p
// and no rules. No header may override them, even if the request has no rules.
// The path always decides.
func decisive(p *policy.Policy) (parts part) {
	if !p.HasRules() {
		return 0
	}
	parts = ofPath
	if p.ByMethod() {
		parts |= ofMethod
	}
	if p.ByHost() {
		parts |= ofHost
	}
	return parts
}

// Overrides returns the names of the headers that Envoy must remove from all
// requests under p, because a server may take them for the path, the method or
// the host. This is for the routes on which Envoy does not call the processor.
// On routes with rules the exchange itself removes all such headers.
func Overrides(p *policy.Policy) []string { return overriders(decisive(p)).appendNames(nil) }
