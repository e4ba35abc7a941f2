// Package envoycheck reads an Envoy configuration against a policy and says what of it would
// let values pass in clear, or break exchanges.
//
// It reads whole dumps. Listeners, filter chains, route tables, discovered filters and
// clusters are joined by their names, and ext_proc is known by its type, whatever its filter
// is called. Then it plays Envoy's route tables: it makes requests for each pair of a route of the
// policy and a route of Envoy that may both match, finds the routes that Envoy would take, and looks at
// what ext_proc would be asked there. The settings that it asks for are those
// that package bootstrap writes.
//
// It knows one configuration, not who can reach the upstream around it, and what comes
// by xDS is seen only in a dump that has it. What it cannot see it reports as such.
package envoycheck

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sealmesh/sealmesh/proxy/bootstrap"
	"github.com/sealmesh/sealmesh/proxy/policy"
)

// Kind says how bad a finding is.
type Kind uint8

// The kinds, the worst first.
const (
	InClear Kind = iota // values may pass in clear
	Unseen              // whether values may pass in clear cannot be told from this file
	Breaks              // exchanges are refused, or break
)

func (k Kind) String() string { return [...]string{"IN CLEAR", "not seen", "breaks"}[k] }

// A Finding is one thing that is wrong.
type Finding struct {
	Kind  Kind
	Where string // the place, in Envoy's own names
	What  string // what is wrong, and what to write instead
}

// String is one line.
func (f Finding) String() string { return f.Kind.String() + ": " + f.Where + ": " + f.What }

// ErrNothing says that the file holds nothing that could be checked.
var ErrNothing = errors.New("no listener, HTTP connection manager, route configuration or ext_proc filter in it; give it an Envoy bootstrap, a config_dump, a listener or a route configuration, as YAML or JSON")

// Check returns what is wrong with the configuration in src, YAML or JSON, for p: what lets
// values pass in clear first, nothing twice.
func Check(p *policy.Policy, src []byte) ([]Finding, error) {
	c := &check{policy: p, regexes: regexes{}, found: map[*policy.Route]bool{}}
	found, err := c.read(src)
	if err != nil {
		return nil, fmt.Errorf("envoy configuration: %w", err)
	}
	if found.empty() {
		return nil, fmt.Errorf("envoy configuration: %w", ErrNothing)
	}
	c.config = found
	c.judge()
	slices.SortStableFunc(c.findings, func(a, b Finding) int { return int(a.Kind) - int(b.Kind) })
	return c.findings, nil
}

type check struct {
	policy   *policy.Policy
	config   *config
	regexes  regexes
	found    map[*policy.Route]bool // which a route of Envoy takes
	several  bool                   // connection managers
	findings []Finding
}

// report adds a finding. Where may end in a request as an example, in brackets: what is said
// of the same place is not said again for another request.
func (c *check) report(kind Kind, where, format string, args ...any) {
	f := Finding{kind, where, fmt.Sprintf(format, args...)}
	same := func(other Finding) bool { return f.What == other.What && place(f.Where) == place(other.Where) }
	if !slices.ContainsFunc(c.findings, same) {
		c.findings = append(c.findings, f)
	}
}

func place(where string) string {
	before, _, _ := strings.Cut(where, " (")
	return before
}

// settings reports what list says is wrong with m.
func settings[M any](c *check, where string, list []bootstrap.Setting[M], m M, f bootstrap.Facts) {
	for _, s := range list {
		if what := s.Wrong(m, f); what != "" {
			kind := Breaks
			if s.Clear {
				kind = InClear
			}
			c.report(kind, where, "%s", what)
		}
	}
}
