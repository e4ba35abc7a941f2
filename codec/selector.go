package codec

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// A Rule is one compiled path of a plan.
type Rule struct {
	// Path is in a subset of RFC 9535: $ and any of .name ['name'] [n] [*] .*
	// ..name ..['name'] ..[n] ..*
	Path string
	// Unescape gives every string as Text, with or without escapes. The
	// deterministic suite needs it: equal strings must be equal bytes.
	Unescape bool
	// Open marks a rule whose values are opened. A string that may be an envelope
	// is given as Text, with or without escapes. Strings that hold envelopes are
	// not refused; the Transform decides.
	Open bool
	// Envelopes allows envelopes in the strings of the rule, as Open does, except
	// in a string with escapes that is not given as Text.
	Envelopes bool
	// Longest is the length limit of the rule's values in bytes, as they stand in
	// the body; 0 means Limits.ValueBytes.
	Longest int
}

// maxSegments is the number of steps that a path may have: its states must fit
// one word.
const maxSegments = 63

// A Selector is a compiled set of rules. As a [Cursor] descends, the Selector
// says which rule owns a value, and does not allocate. Immutable, safe for
// concurrent use.
//
// Where several rules match one value, the most specific rule owns it: the rule
// with fewer descendant segments, then fewer wildcards, then more segments,
// then more names in a namespace ({uri}name, see package codec/xml), then the
// rule that sorts first. A value inside an owned value is part of the
// owned value: the outermost wins.
//
// The rules are one nondeterministic automaton that runs bit-parallel. A rule
// of k segments has k+1 neighbouring bits of one word. Bit i is set where the
// first i segments have matched, and bit k where the rule matches. One step
// down is
//
//	(states & matches of this step) << 1 | states & loops
//
// so its cost depends on the number of words, and not on the number of rules.
type Selector struct {
	words  int       // in each mask
	start  []uint64  // bit 0 of every rule
	loop   []uint64  // states whose next segment is a descendant one
	accept []uint64  // last bit of every rule
	rules  []int32   // by bit: the rule that the bit belongs to
	names  nameTable // member name → row of masks
	index  []int     // element indexes that rules name, sorted
	masks  []uint64  // rows of words: row 0 for any step, then names, then indexes, then SomeElement
	listed []uint64  // states whose next segment is [*]
	nth    []uint64  // states whose next segment is an index
	given  []Rule    // by rule
	twins  map[string][]string
	guard  Guard
}

// NewSelector compiles rules. Field.Rule is an index into rules. A path outside
// the subset is a [*PathError], and so is a path that means the same as an
// earlier path.
func NewSelector(rules []Rule) (*Selector, error) { return newSelector(rules, false, nil) }

// NewFoldingSelector is [NewSelector] for applications that read "SSN" as
// "ssn": names are compared without regard to case, by Unicode simple folding.
func NewFoldingSelector(rules []Rule) (*Selector, error) { return newSelector(rules, true, nil) }

// WithTwins returns a copy of s for applications that read some members by
// another name too: a rule that names one of a pair finds both. Rules, their
// numbers and the guard are those of s.
func (s *Selector) WithTwins(pairs [][2]string) (*Selector, error) {
	twins := make(map[string][]string)
	for _, p := range pairs {
		if s.Folds() {
			p[0], p[1] = string(appendFold(nil, []byte(p[0]))), string(appendFold(nil, []byte(p[1])))
		}
		twins[p[0]] = append(twins[p[0]], p[1])
		twins[p[1]] = append(twins[p[1]], p[0])
	}
	t, err := newSelector(s.given, s.Folds(), twins)
	if err != nil {
		return nil, err
	}
	return t.Guarded(s.guard), nil
}

func newSelector(rules []Rule, fold bool, twins map[string][]string) (*Selector, error) {
	paths := make([]compiledPath, len(rules))
	seen := make(map[string]int, len(rules))
	for i, r := range rules {
		segs, err := parsePath(r.Path)
		if err != nil {
			return nil, err
		}
		if fold {
			foldSegments(segs)
		}
		if len(segs) > maxSegments {
			return nil, &PathError{Path: r.Path, Detail: fmt.Sprintf("more than %d segments", maxSegments)}
		}
		paths[i] = newCompiledPath(i, segs)
		if first, dup := seen[paths[i].key]; dup {
			return nil, &PathError{Path: r.Path, Detail: fmt.Sprintf("the same as %q", rules[first].Path)}
		}
		seen[paths[i].key] = i
	}
	slices.SortFunc(paths, compiledPath.compare)
	s := &Selector{names: nameTable{fold: fold}, given: slices.Clone(rules), twins: twins}
	s.build(paths)
	return s, nil
}

// Rule returns rule i, as given to [NewSelector]. The caller must not change
// it.
func (s *Selector) Rule(i int) *Rule { return &s.given[i] }

// Len returns the number of rules.
func (s *Selector) Len() int { return len(s.given) }

// Names returns the member names that rules use, each once, in no order. If
// [Selector.Folds], the names are folded. The caller must not change the
// result.
func (s *Selector) Names() []string { return s.names.entries }

// Folds reports whether names are compared without regard to case.
func (s *Selector) Folds() bool { return s.names.fold }

// A compiledPath is a path and what its rank among paths depends on.
type compiledPath struct {
	rule                   int
	segs                   []segment
	descendants, wildcards int
	spaced                 int    // names in a namespace
	key                    string // equal for equal paths
	bit                    int    // of its first state, counted over all words
}

func newCompiledPath(rule int, segs []segment) compiledPath {
	p := compiledPath{rule: rule, segs: segs}
	var key strings.Builder
	for _, s := range segs {
		if s.descendant {
			p.descendants++
			key.WriteString("..")
		}
		switch {
		case s.any:
			p.wildcards++
			key.WriteString("[*]")
		case s.named:
			if strings.HasPrefix(strings.TrimPrefix(s.name, "@"), "{") {
				p.spaced++
			}
			fmt.Fprintf(&key, "[%q]", s.name)
		default:
			fmt.Fprintf(&key, "[%d]", s.index)
		}
	}
	p.key = key.String()
	return p
}

// compare puts the more specific path first.
func (p compiledPath) compare(q compiledPath) int {
	return cmp.Or(
		cmp.Compare(p.descendants, q.descendants),
		cmp.Compare(p.wildcards, q.wildcards),
		cmp.Compare(len(q.segs), len(p.segs)),
		cmp.Compare(q.spaced, p.spaced),
		cmp.Compare(p.key, q.key),
	)
}

// A PathError says which part of a path cannot be compiled, and why.
type PathError struct {
	Path   string
	Offset int // byte offset in Path
	Detail string
}

// Error reads `path "$.a[?@.b]": at 4: filters are not supported`.
func (e *PathError) Error() string {
	return fmt.Sprintf("path %q: at %d: %s", e.Path, e.Offset, e.Detail)
}
