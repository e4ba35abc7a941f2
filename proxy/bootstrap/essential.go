package bootstrap

import (
	"slices"

	"github.com/sealmesh/sealmesh/proxy/places"
	"github.com/sealmesh/sealmesh/proxy/policy"
)

// A Setting is one setting that Envoy needs for exchanges to be safe, or to
// work at all. New applies every setting to what it makes. Package envoycheck
// checks other configurations against the same settings, so that neither can
// miss a setting that the other knows.
type Setting[M any] struct {
	Field string // the field of M, by Envoy's name
	Clear bool   // true: without it values may pass in clear; false: without it exchanges break

	set   func(M, Facts)
	wrong func(M, Facts) string
}

// Wrong returns what is wrong with m and what to write instead, "" for nothing.
func (s Setting[M]) Wrong(m M, f Facts) string { return s.wrong(m, f) }

// Facts are what settings depend on.
type Facts struct {
	Policy *policy.Policy
	// Duplex says that some body with rules travels in FULL_DUPLEX_STREAMED.
	Duplex bool
	// Buffered says that Envoy holds some body with rules, in body mode BUFFERED.
	Buffered bool

	// stamp is that of Policy where Envoy gets its configuration by xDS: routes
	// carry it there, and not the filter.
	stamp string
	old   bool // Envoy is older than 1.38 or holds bodies: without allow_content_length_header
}

// apply applies every setting of list to m.
func apply[M any](list []Setting[M], m M, f Facts) {
	for _, s := range list {
		if s.set != nil {
			s.set(m, f)
		}
	}
}

func factsOf(p *policy.Policy, opt Options) Facts {
	f := Facts{Policy: p, old: opt.Buffered}
	for _, r := range p.Routes {
		for _, plan := range []*policy.Plan{r.Request, r.Response} {
			switch {
			case plan == nil || plan == r.Request && plan.PlacesOnly:
			case plan.Mode == policy.Buffered && opt.Buffered:
				f.Buffered = true
			default:
				f.Duplex = true
			}
		}
	}
	return f
}

// rules reports whether p has any rule.
func rules(p *policy.Policy) bool {
	return slices.ContainsFunc(p.Routes, func(r *policy.Route) bool { return !Off(r) })
}

// hides reports whether some requests pass that sealmesh neither reads nor
// refuses, beside others that have rules. Then Envoy, sealmesh and the upstream
// must read a path in the same way.
func hides(p *policy.Policy) bool {
	return rules(p) && (p.Unmatched == policy.PassUnmatched || slices.ContainsFunc(p.Routes, Off))
}

// Off reports whether no rule can apply on r, so that the filter is off there.
func Off(r *policy.Route) bool { return r.Skip || r.Request == nil && r.Response == nil }

// hasPlaces reports whether some direction of p has rules for one of these
// kinds of places.
func hasPlaces(p *policy.Policy, kinds ...places.Kind) bool {
	return slices.ContainsFunc(p.Routes, func(r *policy.Route) bool {
		for _, plan := range []*policy.Plan{r.Request, r.Response} {
			if plan != nil && slices.ContainsFunc(plan.Rules, func(rule policy.Rule) bool { return slices.Contains(kinds, rule.In) }) {
				return true
			}
		}
		return false
	})
}

// unless returns "" if ok, else what.
func unless(ok bool, what string) string {
	if ok {
		return ""
	}
	return what
}
