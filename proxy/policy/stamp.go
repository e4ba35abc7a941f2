package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// stampPrefix tells a stamp from what Envoy sends where nobody wrote one.
const stampPrefix = "sealmesh-stamp-1-"

// Stamp identifies what Envoy has to know of p: which requests each route takes, in which order,
// which are left out, and how bodies travel. Two policies of one stamp may differ in rules, tags,
// keys and limits. `sealmesh envoy` writes the stamp into Envoy's configuration.
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
	switch {
	case p == nil:
		return "no"
	case p.Mode == Streamed:
		return "streamed"
	}
	return "buffered"
}

// off reports whether an Envoy that knows r need not show its requests.
func (r *Route) off() bool { return r.Skip || r.Request == nil && r.Response == nil }

// LeftOut lists the routes of p that have rules for requests which old leaves out: an Envoy that was
// configured for old does not show them, and what they protect would pass in clear. It may name a
// route too many, never one too few.
func (p *Policy) LeftOut(old *Policy) (names []string) {
	for i, r := range p.Routes {
		if was := p.leftOut(i, old); was != "" && !r.off() {
			names = append(names, fmt.Sprintf("route %s (%s)", r.Name, was))
		}
	}
	return names
}

// leftOut says how old left out requests of the route at i, "" for not at all.
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

// coveredBefore reports whether the routes before one with rules still leave out all that was left out.
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

// meet reports whether two lists, of which an empty one names everything, have something in common.
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
