package policy

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// A Problem is one fault of a policy file and its place.
type Problem struct {
	File    string
	Line    int    // the first is 1
	Column  int    // in characters, not bytes; the first is 1
	Message string // what is wrong
	Hint    string // what to write instead, or ""
	Source  string // the line, with secrets masked
}

// Error prints the problem as a compiler would:
//
//	policy.yaml:12:7: unknown key "tag" in route "customers"; did you mean "tags"?
//	   12 |       tag: pii
//	      |       ^
func (p Problem) Error() string {
	msg := p.Message
	if p.Hint != "" {
		msg += "; " + p.Hint
	}
	return fmt.Sprintf("%s:%d:%d: %s\n%5d | %s\n      | %s^",
		p.File, p.Line, p.Column, msg, p.Line, p.Source, caretIndent(p.Source, p.Column))
}

// caretIndent keeps tabs, so that the caret is below its character whatever the
// terminal's tab width.
func caretIndent(line string, column int) string {
	before, _ := cutRunes(line, column-1)
	return strings.Map(func(r rune) rune {
		if r == '\t' {
			return r
		}
		return ' '
	}, before)
}

// Problems are all faults of a file, in the order of the file.
type Problems []Problem

// Error prints every problem, one after the other.
func (ps Problems) Error() string {
	all := make([]string, len(ps))
	for i, p := range ps {
		all[i] = p.Error()
	}
	return strings.Join(all, "\n")
}

// A place is a position in the file, or zero for a value that the file lacks.
type place struct{ line, column int }

func (p place) present() bool { return p.line != 0 }

// A report collects the findings in one file.
type report struct {
	name     string
	lines    []string
	problems Problems
	warnings Problems
	advice   Problems
}

func newReport(name, src string) *report {
	lines := strings.Split(src, "\n")
	for i, l := range lines {
		lines[i] = strings.ToValidUTF8(strings.TrimSuffix(l, "\r"), "\uFFFD")
	}
	return &report{name: name, lines: lines}
}

func (r *report) problem(at place, hint, format string, args ...any) {
	r.problems = append(r.problems, r.at(at, hint, format, args...))
}

func (r *report) warn(at place, hint, format string, args ...any) {
	r.warnings = append(r.warnings, r.at(at, hint, format, args...))
}

// at makes a Problem. It clamps the place into the file: the YAML library may
// give a missing value a position that does not exist.
func (r *report) at(at place, hint, format string, args ...any) Problem {
	line := min(max(at.line, 1), len(r.lines))
	src := r.lines[line-1]
	return Problem{
		File: r.name, Line: line, Column: min(max(at.column, 1), utf8.RuneCountInString(src)+1),
		Message: fmt.Sprintf(format, args...), Hint: hint, Source: mask(src),
	}
}

// inside returns the place of the byte at offset in scalar, which begins at at.
// It returns at itself if the file spells the scalar differently, with YAML
// escapes or an expansion.
func (r *report) inside(at place, scalar string, offset int) place {
	if !at.present() || at.line > len(r.lines) || offset > len(scalar) {
		return at
	}
	for _, quote := range []int{0, 1} {
		_, rest := cutRunes(r.lines[at.line-1], at.column-1+quote)
		if strings.HasPrefix(rest, scalar) {
			return place{at.line, at.column + quote + utf8.RuneCountInString(scalar[:offset])}
		}
	}
	return at
}

// cutRunes cuts s after n characters.
func cutRunes(s string, n int) (before, after string) {
	for i := range s {
		if n--; n < 0 {
			return s[:i], s[i:]
		}
	}
	return s, ""
}

// result returns the problems in the order of the file, each once; nil for
// none.
func (r *report) result() error {
	if len(r.problems) == 0 {
		return nil
	}
	return inOrder(r.problems)
}

func inOrder(ps Problems) Problems {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return slices.Compact(ps)
}

// inlinePIN finds the PIN of an RFC 7512 URI that the file spells out, directly
// or as the default of an expansion.
var inlinePIN = regexp.MustCompile(`(pin-value=(?:\$\{[A-Za-z0-9_]*:-)?)([^$;&\s"',\]}][^;&\s"',\]}]*)`)

// inlinePassword does the same for the password of a store's URL, in the user
// part or as a parameter.
var inlinePassword = regexp.MustCompile(`(//[^/@:\s]*:(?:\$\{[A-Za-z0-9_]*:-)?|[?&]password=(?:\$\{[A-Za-z0-9_]*:-)?)([^$/&@\s"',\]}][^/&@\s"',\]}]*)`)

// mask replaces inline PINs and passwords by as many asterisks, so that no
// message shows one and the caret stays in place.
func mask(line string) string {
	for _, secret := range []*regexp.Regexp{inlinePIN, inlinePassword} {
		line = secret.ReplaceAllStringFunc(line, func(s string) string {
			m := secret.FindStringSubmatch(s)
			return m[1] + strings.Repeat("*", utf8.RuneCountInString(m[2]))
		})
	}
	return line
}

// didYouMean returns a hint: the candidate nearest to word, or if none is near,
// all candidates if they are at most 12.
func didYouMean(word string, candidates []string) string {
	candidates = slices.Sorted(slices.Values(candidates))
	best, bound := "", max(1, len(word)/3)+1
	for _, c := range candidates {
		if dist := distance(strings.ToLower(word), strings.ToLower(c)); dist < bound {
			best, bound = c, dist
		}
	}
	switch {
	case best != "":
		return fmt.Sprintf("did you mean %q?", best)
	case len(candidates) == 0 || len(candidates) > 12:
		return ""
	}
	return "known: " + strings.Join(candidates, ", ")
}

// distance returns the number of edits between a and b: insert, delete or
// replace a byte, or swap two neighbours (optimal string alignment).
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := last[j-1]
			if a[i-1] != b[j-1] {
				change++
			}
			row[j] = min(last[j]+1, row[j-1]+1, change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
