package serve

import (
	"maps"
	"slices"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/proxy/policy"
)

// unprotected lists what old protects and p, under the same names, does not. An
// operator may have removed the protection by mistake. It is a warning and not
// a refusal because a rule that moved to another route, or was replaced by a
// broader rule, looks the same.
func unprotected(old, p *policy.Policy) []string {
	var gone []string
	if old.Unmatched == policy.RefuseUnmatched && p.Unmatched != policy.RefuseUnmatched {
		gone = append(gone, "requests without a route are no longer refused")
	}
	now := make(map[string]*policy.Route, len(p.Routes))
	for _, r := range p.Routes {
		now[r.Name] = r
	}
	for _, was := range old.Routes {
		if was.Skip {
			continue
		}
		is := now[was.Name]
		if is == nil {
			gone = append(gone, "route "+was.Name)
			continue
		}
		if !is.Skip && differentRequests(was, is) {
			gone = append(gone, "route "+was.Name+": it matches other requests")
		}
		gone = append(gone, lostRules(was.Name+" request ", was.Request, is.Request)...)
		gone = append(gone, lostRules(was.Name+" response ", was.Response, is.Response)...)
		gone = append(gone, lostGuards(was.Name+" request ", was.Request, is.Request)...)
		gone = append(gone, lostGuards(was.Name+" response ", was.Response, is.Response)...)
	}
	return gone
}

// differentRequests reports whether is may not match all requests that was
// matches.
func differentRequests(was, is *policy.Route) bool {
	return is.Path != was.Path || !slices.Equal(is.Methods, was.Methods) || !slices.Equal(is.Hosts, was.Hosts) || was.IgnoreCase && !is.IgnoreCase
}

// lostRules lists the rules of was that is does not have, by operation and
// path.
func lostRules(where string, was, is *policy.Plan) []string {
	lost := operations(was)
	for rule := range operations(is) {
		delete(lost, rule)
	}
	out := slices.Sorted(maps.Keys(lost))
	for i := range out {
		out[i] = where + out[i]
	}
	return out
}

// lostGuards lists the kinds of bodies that was refuses and is accepts.
func lostGuards(where string, was, is *policy.Plan) (gone []string) {
	if was == nil || is == nil && !was.Reads() {
		return nil // lostRules reports that the rules are gone
	}
	if is == nil {
		is = &policy.Plan{Envelopes: policy.EnvelopesAreData}
	}
	for what, lost := range map[string]bool{
		"envelopes":     is.Envelopes > was.Envelopes,
		"root":          was.Root != codec.AnyRoot && is.Root != was.Root,
		"require_match": was.RequireMatch && !is.RequireMatch,
		"patch":         was.Patches && !is.Patches && !is.Reads(),
	} {
		if lost {
			gone = append(gone, where+what)
		}
	}
	for f := range is.Unread { // it may pass now
		if _, read := was.Checked[f]; read {
			gone = append(gone, where+"format "+f.Name)
		}
	}
	slices.Sort(gone)
	return gone
}

// operations returns the set of "seal PATH" and "open PATH" of a plan.
func operations(p *policy.Plan) map[string]bool {
	all := map[string]bool{}
	if p == nil {
		return all
	}
	for _, r := range p.Rules {
		if r.Open {
			all["open "+r.String()] = true
		} else {
			all["seal "+r.String()] = true
		}
	}
	return all
}
