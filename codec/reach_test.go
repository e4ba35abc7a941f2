package codec

import (
	"fmt"
	"testing"
)

func TestUncovered(t *testing.T) {
	for _, c := range []struct {
		open   string
		sealed []string
		want   string
	}{
		{"$.ssn", []string{"$.ssn"}, ""},
		{"$..ssn", []string{"$.ssn"}, "$[0].ssn"},
		{"$..ssn", []string{"$..ssn"}, ""},
		{"$..ssn", []string{"$.ssn", "$..*"}, ""},
		{"$.a.ssn", []string{"$.*.ssn"}, ""},
		{"$.*.ssn", []string{"$.a.ssn"}, "$[0].ssn"},
		{"$.a.b.c", []string{"$.a"}, ""},
		{"$.a", []string{"$.a.b"}, "$.a"},
		{"$[*].ssn", []string{"$[0].ssn", "$[2].ssn"}, "$.ssn.ssn"},
		{"$.list[3]", []string{"$.list[*]"}, ""},
		{"$", []string{"$.a"}, "$"},
		{"$.a", nil, "$.a"},
		{"$[", nil, ""},
	} {
		var rules []Rule
		for _, p := range c.sealed {
			rules = append(rules, Rule{Path: p})
		}
		got := Uncovered(c.open, mustSelect(t, rules))
		if (got == "") != (c.want == "") {
			t.Errorf("%s by %v: %q, want %q", c.open, c.sealed, got, c.want)
			continue
		}
		if got == "" {
			continue
		}
		// The place is one indeed: the path selects what it selects, and no rule
		// does.
		if Uncovered(got, mustSelect(t, []Rule{{Path: c.open}})) != "" || len(rules) > 0 && Uncovered(got, mustSelect(t, rules)) == "" {
			t.Errorf("%s by %v: %q is not such a place", c.open, c.sealed, got)
		}
	}
	if got := Uncovered("$.SSN", mustFold(t, []Rule{{Path: "$.ssn"}})); got != "" {
		t.Errorf("ignoring case: %q", got)
	}
}

func TestSurprises(t *testing.T) {
	for _, c := range []struct {
		path   string
		sealed []string
		want   string
	}{
		{"$.ssn", nil, "[{0 $[0].ssn} {3 $.*.ssn} {2 $.__proto__.ssn} {2 $.constructor.prototype.ssn}]"},
		{"$.list[*].ssn", []string{"$[*].list[*].ssn", "$.__proto__"}, `[{1 $.list.ssn} {2 $.constructor.prototype.list[*].ssn}]`},
		{"$.ssn", []string{"$.*.ssn", "$.__proto__"}, "[{2 $.constructor.prototype.ssn}]"},
		{"$['{urn:a}ssn']", []string{"$.__proto__", "$.constructor"}, "[{0 $[0]['{urn:a}ssn']}]"},
		{"$..ssn", nil, "[]"},
		{"$[*].ssn", nil, "[]"},
	} {
		rules := []Rule{{Path: c.path}}
		for _, p := range c.sealed {
			rules = append(rules, Rule{Path: p})
		}
		if got := fmt.Sprint(Surprises(c.path, mustSelect(t, rules))); got != c.want {
			t.Errorf("%s beside %v: %s, want %s", c.path, c.sealed, got, c.want)
		}
	}
}
