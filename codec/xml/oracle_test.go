package xml

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/codectest"
)

// A step is one segment of a path, as the oracle reads paths.
type step struct {
	descendant, any, listed bool
	name                    string
	index                   int // -1 for a name
}

var stepForm = regexp.MustCompile(`^(\.\.|\.)?(\[\*\]|\*|\['[^']*'\]|\[\d+\]|\w+)`)

// steps reads a path.
func steps(path string) (all []step) {
	for rest := path[1:]; rest != ""; {
		m := stepForm.FindStringSubmatch(rest)
		rest = rest[len(m[0]):]
		s := step{descendant: m[1] == "..", index: -1}
		switch x := m[2]; {
		case x == "*" || x == "[*]":
			s.any, s.listed = true, x == "[*]"
		case x[0] != '[':
			s.name = x
		case x[1] == '\'':
			s.name = x[2 : len(x)-2]
		default:
			s.index, _ = strconv.Atoi(x[1 : len(x)-1])
		}
		all = append(all, s)
	}
	return all
}

// matches says whether a path leads to the last of nodes, word for word as the
// package comment has it. named are the names of all rules.
func matches(path []step, at []*node, named map[string]bool) bool {
	if len(path) == 0 || len(at) == 0 {
		return len(path) == len(at)
	}
	n, s := at[0], path[0]
	listed := func(s step, name string, nth int) bool { // n is in a list of that name
		return !n.attribute && (s.listed || s.index >= 0 && (s.index == nth || nth < 0 || !named[name]))
	}
	for _, as := range []struct {
		name string
		nth  int
	}{{n.local, n.nth}, {"{" + n.space + "}" + n.local, n.nthHere}} {
		name := as.name
		if n.attribute {
			name = "@" + name
		}
		if !named[name] && name[0] == '{' && named[n.local] {
			continue // the local name says which it is
		}
		if s.any || s.index < 0 && s.name == name {
			if matches(path[1:], at[1:], named) ||
				len(path) > 1 && listed(path[1], name, as.nth) && matches(path[2:], at[1:], named) {
				return true
			}
		}
		if s.descendant && listed(s, name, as.nth) && matches(path[1:], at[1:], named) {
			return true
		}
	}
	return s.descendant && matches(path, at[1:], named)
}

// owner is the oracle: the rule that owns the last of nodes, or -1.
func owner(set []codec.Rule, at []*node) int {
	named, best := map[string]bool{}, -1
	var segs [][]codectest.Segment
	for _, r := range set {
		var p []codectest.Segment
		for _, s := range steps(r.Path) {
			p = append(p, codectest.Segment{Descendant: s.descendant, Any: s.any, Named: s.index < 0 && !s.any, Name: s.name, Index: s.index})
			if s.index < 0 && !s.any {
				named[s.name] = true
			}
		}
		segs = append(segs, p)
	}
	for i, r := range set {
		if matches(steps(r.Path), at, named) && (best < 0 || codectest.MoreSpecific(segs[i], segs[best])) {
			best = i
		}
	}
	return best
}

// ownerOrAlike is owner. If there is none, it takes an element for an attribute
// and an attribute for an element, in no namespace and at any index.
func ownerOrAlike(set []codec.Rule, at []*node) int {
	if rule := owner(set, at); rule >= 0 {
		return rule
	}
	top := len(at) - 1
	alike := &node{local: at[top].local, space: "none", attribute: !at[top].attribute, nth: -1, nthHere: -1}
	name := alike.local
	if alike.attribute {
		name = "@" + name
	}
	for _, r := range set {
		for _, s := range steps(r.Path) {
			if s.index < 0 && !s.any && s.name == name {
				return owner(set, append(at[:top:top], alike))
			}
		}
	}
	return -1
}

// expected lists what a Transform has to see below n: the rule and the text of
// each owned value without elements, in order.
func expected(set []codec.Rule, at []*node, n *node) (want []string) {
	at = append(at[:len(at):len(at)], n)
	for _, c := range n.children {
		if c.attribute {
			if rule := ownerOrAlike(set, append(at[:len(at):len(at)], c)); rule >= 0 {
				want = append(want, fmt.Sprint(rule, " ", blank(c.text)))
			}
		}
	}
	if rule := ownerOrAlike(set, at); rule >= 0 {
		text := n.text
		if n.elements {
			text = "elements"
		}
		return append(want, fmt.Sprint(rule, " ", blank(text)))
	}
	for _, c := range n.children {
		if !c.attribute {
			want = append(want, expected(set, at, c)...)
		}
	}
	return want
}

// blank makes blanks of white space: encoding/xml does not normalise attribute
// values as XML says.
func blank(text string) string {
	return strings.NewReplacer("\t", " ", "\n", " ", "\r", " ").Replace(text)
}

// checkValues compares what a Transform has seen with the oracle.
func checkValues(t *testing.T, set []codec.Rule, root *node, body string, got []seen) {
	t.Helper()
	var list []string
	for _, s := range got {
		if s.Kind == codec.Raw {
			s.Value = "elements"
		}
		list = append(list, fmt.Sprint(s.Rule, " ", blank(s.Value)))
	}
	if want := expected(set, nil, root); strings.Join(list, "|") != strings.Join(want, "|") {
		t.Fatalf("rules %v, %q:\n got %q\nwant %q", set, body, list, want)
	}
}

// pick takes one of a list.
func pick(s *codectest.Source, list ...string) string { return list[s.Below(len(list))] }

// randomElement writes an element.
func randomElement(s *codectest.Source, to *strings.Builder, depth int) {
	name := pick(s, "a", "b", "c", "p:a", "p:b", "q:a", "a")
	fmt.Fprintf(to, "<%s", name)
	to.WriteString(pick(s, "", "", ` xmlns="u"`, ` xmlns:p="v"`, ` xmlns:q='u'`, ` xmlns=""`))
	to.WriteString(pick(s, "", "", ` a="1"`, ` p:a='2&#x9;'`, ` b="" q:c="&lt;"`))
	if s.Below(6) == 0 {
		to.WriteString(pick(s, "/>", " />"))
		return
	}
	to.WriteByte('>')
	for range s.Below(5) {
		if depth > 0 && s.Below(3) > 0 {
			randomElement(s, to, depth-1)
		} else {
			to.WriteString(pick(s, "text", "&#65;", "\r\n", "<![CDATA[x]]>", " ", "é", "]]", "&amp;"))
		}
	}
	fmt.Fprintf(to, "</%s>", name)
}

// randomRules makes rules with paths that differ.
func randomRules(s *codectest.Source) (rules []codec.Rule) {
	seen := map[string]bool{}
	for range 1 + s.Below(4) {
		path := "$"
		for range 1 + s.Below(4) {
			path += pick(s, ".", ".", "..") + pick(s, "a", "b", "c", "a", "*")
			if s.Below(3) == 0 {
				path += pick(s, "[*]", "[0]", "[1]", "['{u}a']", "['@a']", "['@{v}a']", "['{}b']")
			}
		}
		if key := strings.ReplaceAll(path, ".*", "[*]"); !seen[key] {
			seen[key] = true
			rules = append(rules, codec.Rule{Path: path, Unescape: true})
		}
	}
	return rules
}

// FuzzXMLFields compares the fields of random documents under random rules with
// the oracle's.
func FuzzXMLFields(f *testing.F) {
	for i := range 60 {
		doc := make([]byte, 200)
		for k := range doc {
			doc[k] = byte((k*k*7 + i*k*13 + i*31) >> 1)
		}
		f.Add(doc, doc[i:i+20], uint16(i*7))
	}
	f.Fuzz(func(t *testing.T, doc, rules []byte, cut uint16) {
		set := randomRules(&codectest.Source{Data: rules})
		sel, err := codec.NewSelector(set)
		if err != nil {
			return // two paths that mean the same
		}
		var b strings.Builder
		b.WriteString(`<a xmlns:p="u" xmlns:q="w">`)
		s := &codectest.Source{Data: doc}
		for range 1 + s.Below(6) {
			randomElement(s, &b, 4)
		}
		b.WriteString(`</a>`)
		body := b.String()
		for _, cuts := range [][]int{nil, {int(cut) % (len(body) + 1)}, everywhere(len(body), 1)} {
			var got []seen
			if out, err := rewrite(sel, recording(&got, keep), codec.Limits{}, body, cuts); err != nil || out != body {
				if strings.Contains(fmt.Sprint(err), "twice") {
					return
				}
				t.Fatalf("%s cut at %v: %s, %v", body, cuts, out, err)
			}
			root, err := library(body)
			if err != nil {
				t.Fatal(err)
			}
			checkValues(t, set, root, body, got)
		}
	})
}
