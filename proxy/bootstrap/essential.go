package bootstrap

import (
	"slices"

	"github.com/sealmesh/sealmesh/proxy/policy"
)

// A Setting is one thing that Envoy has to be told for exchanges to be safe, or to
// work at all. New applies every setting to what it writes, and package envoycheck
// judges other configurations by the same settings, so that neither knows of one
// that the other has forgotten.
type Setting[M any] struct {
	Field string // the field of M that it is about, in Envoy's own name
	Clear bool   // without it values may pass in clear; false: exchanges break

	set   func(M, Facts)
	wrong func(M, Facts) string
}

// Wrong says what is wrong with m and what to write instead, "" for nothing.
func (s Setting[M]) Wrong(m M, f Facts) string { return s.wrong(m, f) }

// Facts are what settings depend on.
type Facts struct {
	Policy *policy.Policy
	// Duplex: some body with rules travels in FULL_DUPLEX_STREAMED.
	Duplex bool
	// Buffered: Envoy keeps some body with rules, in body mode BUFFERED.
	Buffered bool

	old bool // Envoy is older than 1.38, or is to keep bodies: it has no allow_content_length_header
}

// apply has every setting of list made in m.
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
			case plan == nil:
			case plan.Mode == policy.Buffered && opt.Buffered:
				f.Buffered = true
			default:
				f.Duplex = true
			}
		}
	}
	return f
}

// rules reports whether p protects anything.
func rules(p *policy.Policy) bool {
	return slices.ContainsFunc(p.Routes, func(r *policy.Route) bool { return !Off(r) })
}

// hides reports whether some requests may pass that sealmesh does not refuse and does
// not read, beside others that have rules: then Envoy, sealmesh and the upstream must
// read a path alike.
func hides(p *policy.Policy) bool {
	return rules(p) && (p.Unmatched == policy.PassUnmatched || slices.ContainsFunc(p.Routes, Off))
}

// Off reports whether no rule of r could apply, so that the filter is off there.
func Off(r *policy.Route) bool { return r.Skip || r.Request == nil && r.Response == nil }

// unless returns what, unless ok.
func unless(ok bool, what string) string {
	if ok {
		return ""
	}
	return what
}
