package envoycheck

import (
	"regexp/syntax"
	"strings"
)

// maxExamples limits the examples of one expression.
const maxExamples = 24

// examples returns strings that the expression re matches. As far as
// maxExamples allows, each branch and each number of repeats (none, one, two)
// is in at least one of them. There are none for an expression that Go cannot
// compile.
func examples(re string) []string {
	x, err := syntax.Parse(re, syntax.Perl)
	if err != nil {
		return nil
	}
	return expand(x.Simplify())
}

func expand(x *syntax.Regexp) []string {
	switch x.Op {
	case syntax.OpLiteral:
		s := string(x.Rune)
		if x.Flags&syntax.FoldCase != 0 {
			return []string{strings.ToLower(s), strings.ToUpper(s)}
		}
		return []string{s}
	case syntax.OpCharClass:
		return runes(x.Rune)
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return []string{"a"}
	case syntax.OpCapture:
		return expand(x.Sub[0])
	case syntax.OpConcat:
		return product(x.Sub)
	case syntax.OpAlternate:
		var all []string
		for _, sub := range x.Sub {
			all = append(all, expand(sub)...)
		}
		return first(all)
	case syntax.OpStar, syntax.OpQuest, syntax.OpPlus:
		return repeated(x)
	}
	return []string{""} // assertions match no text: ends, word boundaries
}

func repeated(x *syntax.Regexp) (all []string) {
	if x.Op != syntax.OpPlus {
		all = append(all, "")
	}
	once := expand(x.Sub[0])
	all = append(all, once...)
	if x.Op != syntax.OpQuest && len(once) > 0 {
		all = append(all, once[0]+once[len(once)-1])
	}
	return first(all)
}

// runes returns likely members of a class: a letter, a digit, and the first
// member.
func runes(ranges []rune) (all []string) {
	for _, want := range []rune{'a', '1', 'A', '/'} {
		for i := 0; i+1 < len(ranges); i += 2 {
			if ranges[i] <= want && want <= ranges[i+1] {
				all = append(all, string(want))
			}
		}
	}
	if len(ranges) > 0 && len(all) == 0 {
		all = append(all, string(ranges[0]))
	}
	return all
}

// product joins the examples of parts: all combinations if there are few, else
// each example at least once.
func product(parts []*syntax.Regexp) []string {
	all := []string{""}
	for _, p := range parts {
		next := expand(p)
		if len(next) == 0 {
			return nil
		}
		var joined []string
		if len(all)*len(next) <= maxExamples {
			for _, a := range all {
				for _, b := range next {
					joined = append(joined, a+b)
				}
			}
		} else {
			for i := range max(len(all), len(next)) {
				joined = append(joined, all[i%len(all)]+next[i%len(next)])
			}
		}
		all = joined
	}
	return all
}

func first(all []string) []string { return all[:min(len(all), maxExamples)] }
