package policy

import (
	"errors"
	"net/url"
	"slices"
	"strings"
)

// ErrMethodInQuery is returned where methods select rules, for a request whose query has a
// parameter _method: Symfony, Laravel, Spring and Express take that for the method.
var ErrMethodInQuery = errors.New("match: the query has _method, which some servers take for the method")

// HasRules reports whether any route has rules.
func (p *Policy) HasRules() bool {
	return slices.ContainsFunc(p.Routes, func(r *Route) bool { return !r.Skip })
}

// ByMethod reports whether the method decides between rules and other rules, or none.
func (p *Policy) ByMethod() bool {
	return p.HasRules() && slices.ContainsFunc(p.Routes, func(r *Route) bool { return len(r.Methods) > 0 })
}

// ByHost reports whether the host decides between rules and other rules, or none.
func (p *Policy) ByHost() bool {
	return p.HasRules() && slices.ContainsFunc(p.Routes, func(r *Route) bool { return len(r.Hosts) > 0 })
}

// methodInQuery reports whether a server may read _method in the query of target, in
// whatever spelling.
func methodInQuery(target string) bool {
	_, query, _ := strings.Cut(target, "?")
	if query == "" || !strings.Contains(query, "%") && !strings.Contains(strings.ToLower(query), "method") {
		return false
	}
	for pair := range strings.FieldsFuncSeq(query, func(c rune) bool { return c == '&' || c == ';' }) {
		name, _, _ := strings.Cut(pair, "=")
		if isMethodParam(name) {
			return true
		}
	}
	return false
}

// isMethodParam reads a name as the laxest servers do: decoded more than once (and
// %u005F, as IIS does), in any case, and as PHP makes variables of it: leading spaces go,
// a dot, a space or a bracket is an underscore, and what follows a bracket is an index.
func isMethodParam(name string) bool {
	for range 3 {
		name = strings.NewReplacer("%u00", "%", "%U00", "%", "+", " ").Replace(name)
		plain, err := url.PathUnescape(name)
		if err != nil || plain == name {
			break
		}
		name = plain
	}
	name = strings.TrimLeft(name, " \t\r\n\v\f")
	if name == "" || !strings.ContainsRune("_. [", rune(name[0])) {
		return false
	}
	rest, _, _ := strings.Cut(name[1:], "[")
	rest, _, _ = strings.Cut(rest, "\x00")
	return strings.EqualFold(strings.TrimSpace(rest), "method")
}
