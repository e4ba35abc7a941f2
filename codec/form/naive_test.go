package form

import (
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/sealmesh/sealmesh/codec/codectest"
)

// A naivePair is a pair as the naive reader reads it.
type naivePair struct {
	name, value string
	has         bool // it has an equals sign
}

var (
	escapeRun = regexp.MustCompile(`(?:%[0-9A-Fa-f]{2})+`)
	badEscape = regexp.MustCompile(`%(?:$|.$|[^0-9A-Fa-f]|.[^0-9A-Fa-f])`)
	inName0   = regexp.MustCompile("[\x00-\x1f\x7f]")
	inValue0  = regexp.MustCompile("\x00")
	bracketEq = regexp.MustCompile(`(?i)(?:\]|%5d)=`)
)

// naive reads a form by the rules in the package comment, with the library's
// functions and without any thought of speed or chunks.
func naive(body string) (pairs []naivePair, ok bool) {
	if strings.Contains(body, ";") || inName0.MatchString(body) || badEscape.MatchString(body) || !utf8.ValidString(body) {
		return nil, false
	}
	for _, run := range escapeRun.FindAllString(body, -1) {
		if plain, _ := url.PathUnescape(run); !utf8.ValidString(plain) {
			return nil, false
		}
	}
	for part := range strings.SplitSeq(body, "&") {
		if part == "" {
			continue
		}
		name, value, has := strings.Cut(part, "=")
		var p naivePair
		p.name, _ = url.QueryUnescape(name)
		p.value, _ = url.QueryUnescape(value)
		p.has = has
		switch {
		case inName0.MatchString(p.name), inValue0.MatchString(p.value), bracketEq.MatchString(value):
			return nil, false
		case has && (strings.HasPrefix(p.name, "\ufeff") || strings.HasPrefix(p.name, "?") || strings.EqualFold(p.name, "_charset_")):
			return nil, false
		}
		pairs = append(pairs, p)
	}
	return pairs, true
}

var (
	qsGroup  = regexp.MustCompile(`\[[^\[\]]*\]`)
	qsDot    = regexp.MustCompile(`\.([^.\[]+)`)
	rackRun  = regexp.MustCompile(`\[\]|[^\[\]]+`)
	phpIndex = regexp.MustCompile(`^\[([^\]]*)\]`)
	dotRun   = regexp.MustCompile(`[^.\[\]]+`)
	flatStep = regexp.MustCompile(`[^.\[(]+|\[[^\]]*\]|\([^)]*\)|\.|[\[(].*`)
	pathStep = regexp.MustCompile(inBrackets(5) + `|` + flatStep.String())
)

// inBrackets matches brackets that are nested that deep at most.
func inBrackets(depth int) string {
	if depth == 0 {
		return `\[[^\[\]]*\]`
	}
	return `\[(?:[^\[\]]|` + inBrackets(depth-1) + `)*\]`
}

// grouped marks a member whose name is between brackets, which may be an
// element.
const grouped = "\x01"

var railsPiece = regexp.MustCompile(`^([^(]*)\([0-9]+.?\)$`)

// naiveNames returns the members that a name stands for in each reading, as
// their names; "[]" for an element.
func naiveNames(name string) (readings [][]string) {
	readings = append(readings, []string{name})
	for _, keys := range [][]string{naiveQs(name), naiveQs(qsDot.ReplaceAllString(name, "[\x02$1]"))} {
		readings = append(readings, joined(keys)...)
	}
	var runs []string
	for i, run := range rackRun.FindAllString(strings.TrimLeft(name, " "), -1) {
		if run == "[]" && i == 0 {
			continue // brackets in front are dropped
		}
		runs = append(runs, run)
	}
	readings = append(readings, runs, naivePHP(name), dotRun.FindAllString(name, -1))
	var path []string
	rest, steps := strings.TrimPrefix(name, "!"), pathStep
	for rest != "" {
		step := steps.FindString(rest)
		rest = rest[len(step):]
		if step[0] == '[' && strings.Count(step, "[") != strings.Count(step, "]") {
			steps = flatStep // Spring reads no more keys
		}
		switch {
		case step == ".":
			continue
		case len(step) > 1 && (step[0] == '[' && strings.HasSuffix(step, "]") || step[0] == '(' && strings.HasSuffix(step, ")")):
			step = step[1 : len(step)-1]
			if q := step; len(q) > 1 && (q[0] == '\'' || q[0] == '"') && q[0] == q[len(q)-1] {
				step = q[1 : len(q)-1]
			}
			if step = grouped + step; step == grouped {
				step = "[]"
			}
		}
		path = append(path, step)
	}
	return append(readings, path)
}

// naiveQs is parseKeys of qs.
func naiveQs(name string) (keys []string) {
	at := qsGroup.FindStringIndex(name)
	if at == nil {
		return []string{name}
	}
	if at[0] > 0 {
		keys = append(keys, name[:at[0]])
	}
	for _, g := range qsGroup.FindAllString(name, -1) {
		if g != "[]" {
			g = grouped + g[1:len(g)-1]
		}
		g = strings.TrimPrefix(g, grouped+"\x02") // a dot
		keys = append(keys, g)
	}
	return keys
}

// joined returns keys, and what they are once qs has joined an array in an array
// to the outer one.
func joined(keys []string) (all [][]string) {
	all = [][]string{keys}
	for i := 1; i < len(keys); i++ {
		if keys[i] == "[]" && keys[i-1] == "[]" {
			all = append(all, joined(slices.Delete(slices.Clone(keys), i, i+1))...)
		}
	}
	return all
}

// naivePHP is php_register_variable_ex.
func naivePHP(name string) (keys []string) {
	name = strings.TrimLeft(name, " ")
	head, rest, _ := strings.Cut(name, "[")
	if !strings.Contains(rest, "]") {
		head, rest = name, ""
	} else {
		rest = "[" + rest
	}
	keys = append(keys, strings.NewReplacer(".", "_", " ", "_", "[", "_").Replace(head))
	for {
		m := phpIndex.FindStringSubmatch(rest)
		if m == nil {
			return keys
		}
		if m[1] == "" || m[1] == " " {
			m[1] = "[]"
		} else {
			m[1] = grouped + m[1]
		}
		keys, rest = append(keys, m[1]), rest[len(m[0]):]
	}
}

// places returns all places of keys, of which each may be an element.
func places(keys []string) (all [][]codectest.Step) {
	all = [][]codectest.Step{nil}
	for _, k := range keys {
		var next [][]codectest.Step
		for _, at := range all {
			for _, s := range stepsOf(k) {
				next = append(next, append(slices.Clone(at), s))
			}
		}
		all = next
	}
	return all
}

func stepsOf(key string) (steps []codectest.Step) {
	key, inBrackets := strings.CutPrefix(key, grouped)
	if key != "[]" {
		steps = append(steps, codectest.Step{Name: key, Index: -1})
	}
	if m := railsPiece.FindStringSubmatch(key); m != nil {
		steps = append(steps, codectest.Step{Name: m[1], Index: -1})
	}
	if inBrackets || key == "[]" || !strings.ContainsFunc(key, func(r rune) bool { return r < 0x80 && isLetter(byte(r)) }) {
		for i := range 4 { // the indexes that rules of the fuzz test have
			steps = append(steps, codectest.Step{Index: i}, codectest.Step{Name: strconv.Itoa(i), Index: -1})
		}
	}
	return steps
}

// owners returns the rules that own the value of a name in some reading.
func owners(segs [][]codectest.Segment, name string) (all []int) {
	for _, keys := range naiveNames(name) {
		for _, at := range places(keys) {
			for _, element := range stepsOf("[]") {
				whole := append(slices.Clone(at), element)
				for n := range len(whole) + 1 {
					if o := codectest.Owner(segs, whole[:n]); o >= 0 {
						all = append(all, o)
						break
					}
				}
			}
		}
	}
	return all
}
