// Package envoycheck reads an Envoy configuration against a policy and says what of it would
// let values pass in clear, or break exchanges.
//
// It plays Envoy's route table: for each route of the policy it makes requests that fall under
// it, finds the Envoy routes that they may take, and looks at what ext_proc would be asked there. What it
// cannot see (routes or filters that come by xDS) it reports as such. It knows one
// configuration, not who can reach the upstream around it.
package envoycheck

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sealmesh/sealmesh/proxy/policy"
)

// A Finding is one thing that is wrong.
type Finding struct {
	Clear bool   // values may pass in clear; false: exchanges are refused, or break
	Where string // the place, in Envoy's own names
	What  string // what is wrong, and what to write instead
}

// String is one line.
func (f Finding) String() string {
	kind := "breaks"
	if f.Clear {
		kind = "IN CLEAR"
	}
	return kind + ": " + f.Where + ": " + f.What
}

// ErrNothing: the file holds nothing that could be checked.
var ErrNothing = errors.New("no HTTP connection manager, route configuration or ext_proc filter in it; give it an Envoy bootstrap, listener or route configuration, as YAML or JSON")

// Check returns what is wrong with the configuration in src, YAML or JSON, for p: what lets
// values pass in clear first, nothing twice.
func Check(p *policy.Policy, src []byte) ([]Finding, error) {
	root, err := parse(src)
	if err != nil {
		return nil, fmt.Errorf("envoy configuration: %w", err)
	}
	c := &check{policy: p}
	if !c.walk(root, "") {
		return nil, fmt.Errorf("envoy configuration: %w", ErrNothing)
	}
	slices.SortStableFunc(c.findings, func(a, b Finding) int {
		switch {
		case a.Clear == b.Clear:
			return 0
		case a.Clear:
			return -1
		}
		return 1
	})
	return c.findings, nil
}

type check struct {
	policy   *policy.Policy
	findings []Finding
}

// report adds a finding. Where may end in a request as an example, in brackets: what is said
// of the same place is not said again for another request.
func (c *check) report(clear bool, where, format string, args ...any) {
	f := Finding{clear, where, fmt.Sprintf(format, args...)}
	same := func(other Finding) bool { return f.What == other.What && place(f.Where) == place(other.Where) }
	if !slices.ContainsFunc(c.findings, same) {
		c.findings = append(c.findings, f)
	}
}

func place(where string) string {
	before, _, _ := strings.Cut(where, " (")
	return before
}

// walk finds what can be checked, wherever it stands, and reports whether there was any.
func (c *check) walk(n any, where string) (found bool) {
	switch n := n.(type) {
	case []any:
		for _, e := range n {
			found = c.walk(e, where) || found
		}
	case node:
		if name := n.text("name"); name != "" {
			where = name
		}
		switch {
		case n.is("HttpConnectionManager"):
			c.manager(n, where)
			return true
		case n.is("ExternalProcessor"):
			c.alone(n, where)
			return true
		case n.list("virtual_hosts") != nil:
			c.table(nil, n)
			return true
		}
		for _, key := range n.keys() {
			found = c.walk(n[key], where) || found
		}
	}
	return found
}

// manager checks one HTTP connection manager: its filter, and its routes.
func (c *check) manager(m node, where string) {
	if m["http_filters"] == nil {
		return // part of one, as in a patch
	}
	var ours *filter
	unseen := false
	filters := m.nodes("http_filters")
	for i, f := range filters {
		config := f.node("typed_config")
		switch {
		case f.node("config_discovery") != nil:
			unseen = true
		case !config.is("ExternalProcessor"):
		case ours == nil:
			ours = &filter{name: f.text("name"), config: config, off: f.flag("disabled"), before: filters[:i]}
		default:
			c.report(false, f.text("name"), "a second ext_proc filter: two that change bodies lose data (envoy#47449)")
		}
	}
	switch {
	case ours == nil && unseen:
		c.report(true, where, "no ext_proc filter is here, unless it comes by config_discovery: check what is discovered, and let it have no default_config")
		return
	case ours == nil:
		c.report(true, where, "no ext_proc filter: nothing that comes through here is sealed or opened")
		return
	}
	c.filter(ours)
	c.paths(m, where)
	switch {
	case m.node("route_config") != nil:
		c.table(ours, m.node("route_config"))
	case m["rds"] != nil || m["scoped_routes"] != nil:
		c.report(false, where, "its routes come by xDS and were not checked: check the route configuration as a file of its own")
		c.everyRoute(ours)
	}
}

// alone checks a filter that stands by itself, as in a patch: its modes hold for every route.
func (c *check) alone(config node, where string) {
	f := &filter{name: where, config: config}
	c.filter(f)
	c.everyRoute(f)
}

func (c *check) everyRoute(f *filter) {
	for _, r := range c.policy.Routes {
		if !r.Skip {
			c.route(f, f.name, r, effective{mode: f.config.node("processing_mode"), off: f.off})
		}
	}
}
