package policy

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// A Problem is one thing that is wrong with a policy file, and where.
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

// caretIndent keeps tabs, so that the caret stands under its character
// whatever width the terminal gives a tab.
func caretIndent(line string, column int) string {
	before, _ := cutRunes(line, column-1)
	return strings.Map(func(r rune) rune {
		if r == '\t' {
			return r
		}
		return ' '
	}, before)
}

// Problems is everything that is wrong with a file, in the order of the file.
type Problems []Problem

// Error prints every problem, one after the other.
func (ps Problems) Error() string {
	all := make([]string, len(ps))
	for i, p := range ps {
		all[i] = p.Error()
	}
	return strings.Join(all, "\n")
}

// A place is a position in the file. The zero place is that of a value that
// the file does not have.
type place struct{ line, column int }

func (p place) present() bool { return p.line != 0 }

// A report collects what is found in one file.
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

// at clamps the place into the file: what a YAML library says of the position of something
// that is missing is not always a position that exists.
func (r *report) at(at place, hint, format string, args ...any) Problem {
	line := min(max(at.line, 1), len(r.lines))
	src := r.lines[line-1]
	return Problem{
		File: r.name, Line: line, Column: min(max(at.column, 1), utf8.RuneCountInString(src)+1),
		Message: fmt.Sprintf(format, args...), Hint: hint, Source: mask(src),
	}
}

// inside returns the place of the byte at offset in a scalar that begins at a
// place, or that place where the file does not spell the scalar out: it
// has YAML escapes, or an expansion.
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

// result returns the problems in the order of the file, each once; nil when there is none.
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

// inlinePIN finds the PIN of an RFC 7512 URI that stands in the file itself
// rather than behind an expansion, and the default of an expansion in its place.
var inlinePIN = regexp.MustCompile(`(pin-value=(?:\$\{[A-Za-z0-9_]*:-)?)([^$;&\s"',\]}][^;&\s"',\]}]*)`)

// inlinePassword does the same for that of a store's URL, in its user part or as a parameter.
var inlinePassword = regexp.MustCompile(`(//[^/@:\s]*:(?:\$\{[A-Za-z0-9_]*:-)?|[?&]password=(?:\$\{[A-Za-z0-9_]*:-)?)([^$/&@\s"',\]}][^/&@\s"',\]}]*)`)

// mask hides inline PINs and passwords behind as many characters, so that no
// message shows one and the caret stays where it is.
func mask(line string) string {
	for _, secret := range []*regexp.Regexp{inlinePIN, inlinePassword} {
		line = secret.ReplaceAllStringFunc(line, func(s string) string {
			m := secret.FindStringSubmatch(s)
			return m[1] + strings.Repeat("*", utf8.RuneCountInString(m[2]))
		})
	}
	return line
}
