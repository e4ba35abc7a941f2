package codec

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// A Rule is one compiled path of a plan.
type Rule struct {
	Path     string // RFC 9535 subset: $ followed by .name ['name'] [n] [*] .* ..name ..['name'] ..[n] ..*
	Unescape bool   // give every string as Text, however it was escaped (deterministic suite)
	Open     bool   // a string that may be an envelope is given as Text, however it was escaped
	// Envelopes says that strings in its places may hold envelopes, as those of
	// Open may: the Transform judges them. Strings with escapes may not, unless
	// they are given as Text.
	Envelopes bool
	Longest   int // bound of the value, as it stands in the body, in place of Limits.ValueBytes; 0 for that one
}

// maxSegments is how many steps a path may have: its states fit one word.
const maxSegments = 63

// A Selector is a compiled set of rules. It answers, as a [Cursor] descends,
// which rule owns a value, without allocating. Immutable, safe for concurrent
// use.
//
// When several rules match one value, the most specific owns it: the one with
// fewer descendant segments, then fewer wildcards, then more segments, then the
// one that sorts first. A value inside an owned value is part of it: the
// outermost wins.
//
// The rules are one nondeterministic automaton, run bit-parallel. A rule of k
// segments has k+1 neighbouring bits of one word; bit i is set where the first
// i segments have matched, bit k where the rule does. One step down is (states
// & matches of this step) << 1 | states & loops, so its cost does not depend on
// how many rules there are, only on how many words hold them.
type Selector struct {
	words  int       // in each mask
	start  []uint64  // bit 0 of every rule
	loop   []uint64  // states whose next segment is a descendant one
	accept []uint64  // last bit of every rule
	rules  []int32   // by bit: the rule whose states it is among
	names  nameTable // member name → row of masks
	index  []int     // element indexes that rules name, sorted
	masks  []uint64  // rows of words: row 0 for any step, then names, then indexes
	given  []Rule    // by rule
	guard  Guard
}

// NewSelector compiles rules; Field.Rule is an index into them. A path outside
// the subset is a *PathError, and so is one that says the same as an earlier
// one.
func NewSelector(rules []Rule) (*Selector, error) { return newSelector(rules, false) }

// NewFoldingSelector is NewSelector for applications that take "SSN" for "ssn":
// names are compared without regard to case, by Unicode simple folding.
func NewFoldingSelector(rules []Rule) (*Selector, error) { return newSelector(rules, true) }

func newSelector(rules []Rule, fold bool) (*Selector, error) {
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
	s := &Selector{names: nameTable{fold: fold}, given: slices.Clone(rules)}
	s.build(paths)
	return s, nil
}

// Rule returns the rule that Field.Rule is the index of.
func (s *Selector) Rule(i int) *Rule { return &s.given[i] }

// Names returns the member names that rules use, each once, in no order. Where
// names are folded, so are they. The caller must not change the result.
func (s *Selector) Names() []string { return s.names.entries }

// Folds reports whether names are compared without regard to case.
func (s *Selector) Folds() bool { return s.names.fold }

// A compiledPath is a path with what its place in the order depends on.
type compiledPath struct {
	rule                   int
	segs                   []segment
	descendants, wildcards int
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
		cmp.Compare(p.key, q.key),
	)
}

// A PathError names the part of a path that cannot be compiled.
type PathError struct {
	Path   string
	Offset int // byte offset in Path
	Detail string
}

// Error reads `path "$.a[?@.b]": at 4: filters are not supported`.
func (e *PathError) Error() string {
	return fmt.Sprintf("path %q: at %d: %s", e.Path, e.Offset, e.Detail)
}
