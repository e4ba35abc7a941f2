// Package envoycheck compares an Envoy configuration with a policy. It reports
// what lets values pass in clear, and what breaks exchanges.
//
// It reads whole dumps. It joins listeners, filter chains, route tables,
// discovered filters and clusters by their names, and finds ext_proc by its
// type, whatever the filter is called. Then it simulates Envoy's routing. It
// makes sample requests for each pair of a route of the policy and a route of
// Envoy that may both match, finds the route that Envoy would take, and checks
// what Envoy would send to ext_proc there. The settings that it requires are
// those of package bootstrap.
//
// It sees one configuration. It cannot know whether clients can reach the
// upstream without this Envoy. It sees configuration from xDS only in a dump
// that contains it, and reports what the dump lacks as "not seen".
package envoycheck

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sealmesh/sealmesh/proxy/bootstrap"
	"github.com/sealmesh/sealmesh/proxy/policy"
)

// A Kind says how bad a finding is.
type Kind uint8

// The kinds, worst first.
const (
	InClear Kind = iota // values may pass in clear
	Unseen              // this file does not tell whether values may pass in clear
	Breaks              // exchanges are refused, or break
)

func (k Kind) String() string { return [...]string{"IN CLEAR", "not seen", "breaks"}[k] }

// A Finding is one defect of a configuration.
type Finding struct {
	Kind  Kind
	Where string // the place, in Envoy's own names
	What  string // what is wrong, and what to write instead
}

// String returns the finding as one line.
func (f Finding) String() string { return f.Kind.String() + ": " + f.Where + ": " + f.What }

// ErrNothing says that a file has nothing that can be checked.
var ErrNothing = errors.New("no listener, HTTP connection manager, route configuration or ext_proc filter in it; give it an Envoy bootstrap, a config_dump, a listener or a route configuration, as YAML or JSON")

// Check returns what is wrong with the configuration in src, YAML or JSON, for
// p. What lets values pass in clear comes first. No finding is repeated.
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
	found    map[*policy.Route]bool // routes that a route of Envoy takes
	several  bool                   // there are several connection managers
	findings []Finding
}

// report adds a finding. where may end in an example request in brackets: a
// finding about the same place is not repeated for another request.
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

// settings reports each setting of list that m lacks.
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
