package policy

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// A text is a scalar that is text.
type text struct {
	place
	Value string
	Shown string // as in the file. Messages quote this, since Value may hold a secret.
}

// A number is a whole number, 0 or more.
type number struct {
	place
	Value uint64
}

// A size is a number of bytes: 4096, 64KiB, 1MiB.
type size struct {
	place
	Value uint64
}

// A toggle is true or false.
type toggle struct {
	place
	Value     bool
	malformed bool // and reported
}

// A duration is a span of time: 5m, 1h30m, 30d.
type duration struct {
	place
	Value time.Duration
}

// A date is a day: 2027-03-01, 00:00 UTC.
type date struct {
	place
	Value time.Time
}

func (t *text) decode(d *decoder, n ast.Node, s spot) {
	var shown string
	switch v := n.(type) {
	case *ast.StringNode:
		shown = v.Value
	case *ast.LiteralNode:
		shown = v.Value.Value
	default:
		d.wrongType(n, s.String(), cmp.Or(strings.Join(s.words, " or "), "text"))
		return
	}
	value, ok := d.expand(placeOf(n), shown)
	switch {
	case !ok:
	case len(s.words) > 0 && !slices.Contains(s.words, value):
		d.problem(placeOf(n), didYouMean(value, s.words), "%s cannot be %q", s, shown)
	default:
		*t = text{placeOf(n), value, shown}
	}
}

func (v *number) decode(d *decoder, n ast.Node, s spot) {
	raw, ok := d.plain(n, s, "a whole number")
	if !ok {
		return
	}
	u, err := strconv.ParseUint(raw, 0, 64)
	if err != nil {
		d.problem(placeOf(n), "", "%s must be a whole number, 0 or more", s)
		return
	}
	*v = number{placeOf(n), u}
}

func (v *size) decode(d *decoder, n ast.Node, s spot) {
	raw, ok := d.plain(n, s, "a size")
	if !ok {
		return
	}
	u, ok := parseSize(raw)
	if !ok {
		d.problem(placeOf(n), "write bytes, or KiB, MiB, GiB: 64KiB", "%s must be a size", s)
		return
	}
	*v = size{placeOf(n), u}
}

func (v *toggle) decode(d *decoder, n ast.Node, s spot) {
	raw, ok := d.plain(n, s, "true or false")
	if ok && raw != "true" && raw != "false" {
		d.problem(placeOf(n), "", "%s must be true or false", s)
		ok = false
	}
	*v = toggle{placeOf(n), raw == "true", !ok}
}

func (v *duration) decode(d *decoder, n ast.Node, s spot) {
	raw, ok := d.plain(n, s, "a duration")
	if !ok {
		return
	}
	span, ok := parseDuration(raw)
	if !ok || span <= 0 {
		d.problem(placeOf(n), "write a number and a unit: 30s, 5m, 1h30m, 30d", "%s must be a duration longer than zero", s)
		return
	}
	*v = duration{placeOf(n), span}
}

func (v *date) decode(d *decoder, n ast.Node, s spot) {
	raw, ok := d.plain(n, s, "a date")
	if !ok {
		return
	}
	day, err := time.Parse(time.DateOnly, raw)
	if err != nil {
		d.problem(placeOf(n), "write year-month-day: 2027-03-01", "%s must be a date", s)
		return
	}
	*v = date{placeOf(n), day}
}

// plain returns a scalar that is not text, as the file writes it. A scalar in
// quotes is text, which plain reports, unless it has an expansion.
func (d *decoder) plain(n ast.Node, s spot, want string) (string, bool) {
	switch v := n.(type) {
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return n.GetToken().Value, true
	case *ast.StringNode:
		if !isQuoted(v.Token) || strings.Contains(v.Value, "${") {
			return d.expand(placeOf(n), v.Value)
		}
	}
	d.wrongType(n, s.String(), want)
	return "", false
}

func isQuoted(t *token.Token) bool {
	return t.Type == token.SingleQuoteType || t.Type == token.DoubleQuoteType
}

var units = []struct {
	suffix string
	shift  uint
}{{"KiB", 10}, {"MiB", 20}, {"GiB", 30}, {"TiB", 40}, {"B", 0}, {"", 0}}

func parseSize(s string) (uint64, bool) {
	for _, u := range units {
		digits, ok := strings.CutSuffix(s, u.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseUint(strings.TrimSpace(digits), 10, 64)
		return n << u.shift, err == nil && n <= math.MaxInt64>>u.shift
	}
	return 0, false
}

// parseDuration is [time.ParseDuration] with optional days in front: 30d,
// 1d12h.
func parseDuration(s string) (time.Duration, bool) {
	const day = 24 * time.Hour
	days, rest, hasDays := strings.Cut(s, "d")
	if !hasDays {
		v, err := time.ParseDuration(s)
		return v, err == nil
	}
	n, err := strconv.ParseUint(days, 10, 16)
	if err != nil {
		return 0, false
	}
	span := time.Duration(n) * day
	if rest == "" {
		return span, true
	}
	v, err := time.ParseDuration(rest)
	return span + v, err == nil && v >= 0 && v < day
}

// expand replaces ${ENV}, ${ENV:-default} and ${file:path} in s; $${ stands for
// a literal ${. Line breaks at the end of a file are cut. expand reports what
// is unset or unreadable, and never shows a value.
func (d *decoder) expand(at place, s string) (string, bool) {
	var b strings.Builder
	ok := true
	for {
		i := strings.Index(s, "${")
		if i < 0 {
			b.WriteString(s)
			return b.String(), ok
		}
		if i > 0 && s[i-1] == '$' {
			b.WriteString(s[:i-1] + "${")
			s = s[i+2:]
			continue
		}
		b.WriteString(s[:i])
		name, rest, closed := strings.Cut(s[i+2:], "}")
		if !closed {
			d.problem(at, "write $${ for a literal ${", "${ without a closing }")
			return "", false
		}
		v, found := d.lookup(at, name)
		b.WriteString(v)
		ok = ok && found
		s = rest
	}
}

func (d *decoder) lookup(at place, name string) (string, bool) {
	if path, isFile := strings.CutPrefix(name, "file:"); isFile {
		return d.readSecret(at, path)
	}
	name, fallback, hasFallback := strings.Cut(name, ":-")
	if !isEnvName(name) {
		d.problem(at, "write ${NAME}, ${NAME:-default}, ${file:path}, or $${ for a literal ${",
			"%q is no name of an environment variable", name)
		return "", false
	}
	v, set := d.getenv(name)
	if set && (v != "" || !hasFallback) {
		return v, true
	}
	if !hasFallback {
		d.problem(at, "set it, or give a default: ${"+name+":-default}", "environment variable %s is not set", name)
	}
	return fallback, hasFallback
}

func (d *decoder) readSecret(at place, path string) (string, bool) {
	b, err := d.readFile(path)
	if err != nil {
		d.problem(at, "", "cannot read ${file:%s}: %v", path, err)
		return "", false
	}
	return strings.TrimRight(string(b), "\r\n"), true
}

func isEnvName(s string) bool {
	for i, c := range []byte(s) {
		letter := c == '_' || 'a' <= c|0x20 && c|0x20 <= 'z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}
