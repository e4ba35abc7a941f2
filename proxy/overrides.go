package proxy

import (
	"strings"

	"github.com/sealmesh/sealmesh/proxy/policy"
)

// A part is what a header may override of what a request says it is.
type part uint8

const (
	ofPath part = 1 << iota
	ofMethod
	ofHost
	ofAll = ofPath | ofMethod | ofHost
)

// overrides are the headers that servers are known to take for the path, the method or the
// host of a request, which would then be one thing to the policy and another to them. Those
// that no server is known to obey by itself stand in what applications do with their
// environment. x-forwarded-prefix is left alone: Spring, ASP.NET Core, Werkzeug and
// Starlette put it before the links that they make, and route by the path as it came.
var overrides = [...]struct {
	name string
	of   part
}{
	{"x-original-url", ofPath},       // Symfony, Laminas, Drupal (CVE-2018-14773); IIS with ARR
	{"x-rewrite-url", ofPath},        // the same; ISAPI_Rewrite
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

// overriding returns the header as a set, empty where it overrides nothing: what
// Forwarded says of clients and schemes has to stay.
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

// A disguise is a header that has an underscore where one that decides something has a hyphen:
// another header to Envoy, and the same one to servers that make variables of names (CGI, WSGI,
// PHP). Generated configuration has Envoy drop all of them.
type disguise struct {
	name string
	of   headerSet // what it overrides; empty: it says how the body is read
}

// disguised looks at the name of a header that has an underscore.
func disguised(name []byte) (d disguise, ok bool) {
	d.name = string(name)
	switch plain := strings.ReplaceAll(d.name, "_", "-"); plain {
	case "content-type", "content-encoding", "content-range", "content-length", "transfer-encoding":
		return d, true
	default:
		d.of = overriding([]byte(plain), nil)
		return d, d.of != 0
	}
}

// those returns the headers that override any of parts.
func those(parts part) (set headerSet) {
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

// decisive are the parts of a request that decide between the rules of p and none: of a
// request without rules too, no header may override them. The path always does.
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

// Overrides names the headers that are removed from every request under p, for the routes
// on which Envoy does not ask and so has to remove them itself. An exchange that has
// rules removes those of the path, the method and the host, whatever p is.
func Overrides(p *policy.Policy) []string { return those(decisive(p)).appendNames(nil) }
