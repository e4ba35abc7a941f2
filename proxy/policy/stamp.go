package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// stampPrefix distinguishes a stamp from other values that Envoy may send.
const stampPrefix = "sealmesh-stamp-1-"

// Stamp returns a hash of what Envoy must know of p: which requests each route
// takes and in which order, which routes are skipped, how bodies travel, and
// where headers have rules. Policies with the same stamp may differ in rules,
// tags, keys and limits. `sealmesh envoy` writes the stamp into Envoy's
// configuration.
func (p *Policy) Stamp() string {
	h := sha256.New()
	fmt.Fprintf(h, "unmatched %d\n", p.Unmatched)
	for _, r := range p.Routes {
		fmt.Fprintf(h, "%q %q %q %t %s %s\n", r.Hosts, r.Methods, r.Path, r.IgnoreCase, r.Request.travels(), r.Response.travels())
	}
	return stampPrefix + hex.EncodeToString(h.Sum(nil)[:16])
}

// IsStamp reports whether s is the stamp of some policy.
func IsStamp(s string) bool { return strings.HasPrefix(s, stampPrefix) }

func (p *Plan) travels() string {
	if p == nil {
		return "no"
	}
	how := "buffered"
	if p.Mode == Streamed {
		how = "streamed"
	}
	switch {
	case p.PlacesOnly:
		how += ", unread"
	case p.HasPlaces():
		how += ", headers too"
	}
	return how
}

// off reports whether Envoy need not send the requests of r to sealmesh.
func (r *Route) off() bool { return r.Skip || r.Request == nil && r.Response == nil }

// LeftOut lists the routes of p with rules for requests that old leaves out. An
// Envoy configured for old does not send those requests to sealmesh, so values
// that p protects would pass in clear. LeftOut may list a route too many, but
// never misses one.
func (p *Policy) LeftOut(old *Policy) (names []string) {
	for i, r := range p.Routes {
		if was := p.leftOut(i, old); was != "" && !r.off() {
			names = append(names, fmt.Sprintf("route %s (%s)", r.Name, was))
		}
	}
	return names
}

// leftOut returns how old leaves out requests of the route at i; "" if it does
// not.
func (p *Policy) leftOut(i int, old *Policy) string {
	r := p.Routes[i]
	for _, was := range old.Routes {
		switch {
		case !was.off() && was.covers(r):
			return ""
		case was.off() && was.meets(r) && !coveredBefore(p.Routes[:i], was):
			return "was skipped by route " + was.Name
		}
	}
	if old.Unmatched == PassUnmatched {
		return "was passed as unmatched"
	}
	return ""
}

// coveredBefore reports whether one of earlier still leaves out all requests of
// was.
func coveredBefore(earlier []*Route, was *Route) bool {
	for _, r := range earlier {
		if r.off() && r.covers(was) {
			return true
		}
	}
	return false
}

// meets reports whether some request may fall under both routes.
func (r *Route) meets(o *Route) bool {
	return meet(r.Methods, o.Methods, strings.EqualFold) && meet(r.Hosts, o.Hosts, sameHosts) && r.template.meets(&o.template)
}

// meet reports whether a and b have an element in common. An empty list stands
// for everything.
func meet(a, b []string, same func(a, b string) bool) bool {
	for _, x := range a {
		for _, y := range b {
			if same(x, y) {
				return true
			}
		}
	}
	return len(a) == 0 || len(b) == 0
}

func sameHosts(a, b string) bool {
	return matchesHost([]string{a}, b) || matchesHost([]string{b}, a) || strings.EqualFold(a, b)
}

func (t *template) meets(o *template) bool {
	for i := range max(len(t.steps), len(o.steps)) {
		switch {
		case i >= len(t.steps):
			return t.rest
		case i >= len(o.steps):
			return o.rest
		case !t.steps[i].any && !o.steps[i].any && !strings.EqualFold(t.steps[i].literal, o.steps[i].literal):
			return false
		}
	}
	return true
}
