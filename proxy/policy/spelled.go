package policy

import (
	"slices"
	"strings"
)

// Spelled reports whether a request that falls under r spells its method, host and path as r
// does. Another spelling is the client's choice: it may fall under another route of an
// Envoy that compares them more strictly, or less.
func (r *Route) Spelled(method, host, path string) bool {
	path, _, _ = strings.Cut(path, "?")
	if name, port := cutPort(host); len(r.Hosts) > 0 && (port == ":" || strings.HasSuffix(name, ".")) {
		return false
	}
	if strings.ContainsAny(path, "%;") || len(r.Methods) > 0 && !slices.Contains(r.Methods, method) {
		return false
	}
	if path == "/" {
		return true
	}
	segments := strings.Split(strings.TrimPrefix(path, "/"), "/")
	exact := r.template
	exact.fold = false
	return exact.matches(segments) && segments[len(segments)-1] != ""
}
