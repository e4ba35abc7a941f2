package codectest

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/sealmesh/sealmesh/codec"
)

// A Segment is one step of a path, as the oracle reads paths.
type Segment struct {
	Descendant bool   // .. rather than one level
	Any        bool   // *
	Named      bool   // Name rather than Index
	Name       string // unescaped
	Index      int
}

// A Step is one level of where a value is: a member's name or an element's
// index.
type Step struct {
	Name  string
	Index int // -1 for a member
}

// Owner is the oracle: it returns the rule that owns a value, or -1.
// It takes time exponential in the depth.
func Owner(rules [][]Segment, at []Step) int {
	best := -1
	for i, segs := range rules {
		if matches(segs, at) && (best < 0 || MoreSpecific(segs, rules[best])) {
			best = i
		}
	}
	return best
}

// matches is what RFC 9535 says of a path, word for word.
func matches(segs []Segment, at []Step) bool {
	if len(segs) == 0 || len(at) == 0 {
		return len(segs) == len(at)
	}
	s := segs[0]
	selects := s.Any || s.Named && at[0].Index < 0 && s.Name == at[0].Name || !s.Any && !s.Named && s.Index == at[0].Index
	return selects && matches(segs[1:], at[1:]) || s.Descendant && matches(segs, at[1:])
}

// MoreSpecific reports whether a value that both paths match belongs to a.
func MoreSpecific(a, b []Segment) bool {
	count := func(segs []Segment) (descendants, wildcards, spaced int) {
		for _, s := range segs {
			if s.Descendant {
				descendants++
			}
			if s.Any {
				wildcards++
			}
			if strings.HasPrefix(s.Name, "{") || strings.HasPrefix(s.Name, "@{") {
				spaced++
			}
		}
		return
	}
	ad, aw, as := count(a)
	bd, bw, bs := count(b)
	switch {
	case ad != bd:
		return ad < bd
	case aw != bw:
		return aw < bw
	case len(a) != len(b):
		return len(a) > len(b)
	case as != bs:
		return as > bs
	}
	return spell(a) < spell(b)
}

// spell writes segments in the one way by which equal specificity is decided.
func spell(segs []Segment) string {
	var b strings.Builder
	for _, s := range segs {
		if s.Descendant {
			b.WriteString("..")
		}
		switch {
		case s.Any:
			b.WriteString("[*]")
		case s.Named:
			fmt.Fprintf(&b, "[%q]", s.Name)
		default:
			fmt.Fprintf(&b, "[%d]", s.Index)
		}
	}
	return b.String()
}

// Folded leaves out rules that are the same once names have no case, and gives
// the segments of the others with folded names.
func Folded(set []codec.Rule, segs [][]Segment) (rules []codec.Rule, kept [][]Segment) {
	seen := map[string]bool{}
	for i := range set {
		var p []Segment
		for _, s := range segs[i] {
			s.Name = FoldName(s.Name)
			p = append(p, s)
		}
		if key := spell(p); !seen[key] {
			seen[key] = true
			rules, kept = append(rules, set[i]), append(kept, p)
		}
	}
	return rules, kept
}

// FoldName folds a name of [Names].
func FoldName(name string) string { return strings.ToLower(name) }

// A Source gives small numbers out of fuzz input, zeros after its end.
type Source struct{ Data []byte }

// Below returns a number from 0 to n-1.
func (s *Source) Below(n int) int {
	if len(s.Data) == 0 {
		return 0
	}
	v := int(s.Data[0]) % n
	s.Data = s.Data[1:]
	return v
}

// Names are what a Source's rules look for, and what documents may have.
var Names = []string{"a", "b", "c", "", "aa", "ab", "ba", "é", "\U0001f600", "0", "a.b", `q"uo'te\`, "\n", "A", "É", "aB"}

// Rules makes rules with paths that differ.
func (s *Source) Rules(atMost int) (rules []codec.Rule, segs [][]Segment) {
	seen := map[string]bool{}
	for range s.Below(atMost) + 1 {
		path, p := s.path()
		if !seen[path] {
			seen[path] = true
			rules, segs = append(rules, codec.Rule{Path: path}), append(segs, p)
		}
	}
	return rules, segs
}

// path makes segments and one of their spellings.
func (s *Source) path() (string, []Segment) {
	var segs []Segment
	var text strings.Builder
	text.WriteByte('$')
	for range s.Below(6) {
		seg := Segment{Descendant: s.Below(3) == 0}
		if seg.Descendant {
			text.WriteString("..")
		}
		switch s.Below(4) {
		case 0:
			seg.Any = true
			text.WriteString("[*]")
		case 1:
			seg.Index = s.Below(4)
			fmt.Fprintf(&text, "[%d]", seg.Index)
		default:
			seg.Named, seg.Name = true, Names[s.Below(len(Names))]
			quoted, _ := json.Marshal(seg.Name)
			fmt.Fprintf(&text, "[%s]", quoted)
		}
		segs = append(segs, seg)
	}
	return text.String(), segs
}
