package codec

import (
	"slices"
	"strings"
)

// maxParams is the number of parameters that a content type may have.
const maxParams = 16

// A mediaType is a content-type header value that all parsers read alike.
type mediaType struct {
	major, minor string
	params       Params
	names        [maxParams]string
	values       [maxParams]string
	n            int
}

// Params are the parameters of a media type that [Table.Detect] has read. The
// zero value has none.
type Params string

// Get returns the value of the parameter called name, in any case, without
// quotes. No name occurs twice.
func (p Params) Get(name string) (value string, ok bool) {
	for rest := string(p); rest != ""; {
		var n, v string
		if n, v, rest, ok = cutParam(rest); !ok {
			return "", false
		}
		if n != "" && strings.EqualFold(n, name) {
			return v, true
		}
	}
	return "", false
}

// Only reports whether p has no parameters but those called names, in any case.
func (p Params) Only(names ...string) bool {
	for rest := string(p); rest != ""; {
		var n string
		var ok bool
		if n, _, rest, ok = cutParam(rest); !ok {
			return false
		}
		if n != "" && !slices.ContainsFunc(names, func(s string) bool { return strings.EqualFold(s, n) }) {
			return false
		}
	}
	return true
}

// parseMediaType reads a media type and its parameters (RFC 9110 §8.3.1). It
// refuses what parsers are known to read differently: a parameter twice,
// parameters of RFC 2231 (charset*=utf-7, charset*0=utf-7), and quotes around a
// semicolon or around what looks like a charset, which a parser that knows no
// quotes would take for a parameter.
func parseMediaType(value string) (t mediaType, ok bool) {
	media, params, _ := strings.Cut(value, ";")
	media = strings.Trim(media, " \t")
	t.major, t.minor, _ = strings.Cut(media, "/")
	if !isToken(t.major) || !isToken(t.minor) {
		return t, false
	}
	t.params = Params(params)
	for params != "" {
		var name, v string
		if name, v, params, ok = cutParam(params); !ok {
			return t, false
		}
		if name != "" && !t.add(name, v) {
			return t, false
		}
	}
	return t, true
}

func (t *mediaType) add(name, value string) bool {
	switch {
	case t.n == maxParams, strings.IndexByte(name, '*') >= 0, t.param(name) >= 0:
		return false
	case strings.EqualFold(name, "charset"):
		if !strings.EqualFold(value, "utf-8") && !strings.EqualFold(value, "utf8") {
			return false
		}
		value = "utf-8"
	}
	t.names[t.n], t.values[t.n] = name, value
	t.n++
	return true
}

// param returns the index of the parameter called name, or -1.
func (t *mediaType) param(name string) int {
	return slices.IndexFunc(t.names[:t.n], func(n string) bool { return strings.EqualFold(n, name) })
}

// is reports whether the media type is m, in any case.
func (t *mediaType) is(m string) bool {
	major, minor, _ := strings.Cut(m, "/")
	return strings.EqualFold(t.major, major) && strings.EqualFold(t.minor, minor)
}

// append appends the canonical form to dst.
func (t *mediaType) append(dst []byte) []byte {
	dst = append(dst, strings.ToLower(t.major)...)
	dst = append(dst, '/')
	dst = append(dst, strings.ToLower(t.minor)...)
	for i, name := range t.names[:t.n] {
		if strings.EqualFold(name, "charset") {
			name = "charset"
		}
		dst = append(append(append(dst, "; "...), name...), '=')
		if v := t.values[i]; isToken(v) {
			dst = append(dst, v...)
		} else {
			dst = append(append(append(dst, '"'), v...), '"')
		}
	}
	return dst
}

// canonical returns the canonical form of value, which t was read from. Most
// values are canonical and short, and cost no allocation.
func (t *mediaType) canonical(value string) string {
	var room [128]byte
	if c := t.append(room[:0]); string(c) != value {
		return string(c)
	}
	return value
}

// hasSuffixFold reports whether s is something before suffix, in any case.
func hasSuffixFold(s, suffix string) bool {
	return len(s) > len(suffix) && strings.EqualFold(s[len(s)-len(suffix):], suffix)
}

// cutParam reads one name=value and the semicolon after it. The name is empty
// where there is nothing before the semicolon.
func cutParam(s string) (name, value, rest string, ok bool) {
	s = strings.TrimLeft(s, " \t")
	if s == "" || s[0] == ';' {
		return "", "", strings.TrimPrefix(s, ";"), true
	}
	name, s, _ = strings.Cut(s, "=")
	if !isToken(name) || s == "" {
		return "", "", "", false
	}
	if s[0] == '"' {
		value, s, ok = strings.Cut(s[1:], `"`)
		if !ok || !plainQuoted(value) {
			return "", "", "", false
		}
		rest = strings.TrimLeft(s, " \t")
		if rest != "" && rest[0] != ';' {
			return "", "", "", false
		}
		return name, value, strings.TrimPrefix(rest, ";"), true
	}
	value, rest, _ = strings.Cut(s, ";")
	value = strings.TrimRight(value, " \t")
	return name, value, rest, isToken(value)
}

// plainQuoted reports whether the inside of quotes means the same to a parser
// that does not know quotes. Escapes are refused: they have no use here.
func plainQuoted(value string) bool {
	for i := range len(value) {
		if c := value[i]; c < ' ' && c != '\t' || c == 0x7f || c == '\\' || c == ';' || c == ',' {
			return false
		}
	}
	return !containsFold(value, "charset")
}

// containsFold reports whether part is anywhere in s, in any case.
func containsFold(s, part string) bool {
	for ; len(s) >= len(part); s = s[1:] {
		if strings.EqualFold(s[:len(part)], part) {
			return true
		}
	}
	return false
}

// isToken reports whether s is a token of RFC 9110 §5.6.2.
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		switch {
		case c-'0' <= 9, c|0x20 >= 'a' && c|0x20 <= 'z', strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0:
		default:
			return false
		}
	}
	return s != ""
}
