package codec

import (
	"slices"
	"strings"
)

// maxParams is how many parameters a content type may have.
const maxParams = 16

// A contentType is a content-type header value of which all parsers make the
// same.
type contentType struct {
	major, minor string
	names        [maxParams]string
	values       [maxParams]string
	n            int
}

// ForContentType returns the format of a content-type header value. It returns
// nil where there is none, where the value is malformed, where two parsers could
// read the value differently, and where the charset is not UTF-8: every format is
// read as UTF-8, and bytes that mean something else to the application would get
// around the rules. Forward what [CanonicalContentType] returns.
func ForContentType(value string) *Format {
	if f := plainType(value); f != nil {
		return f
	}
	t, ok := parseContentType(value)
	if !ok {
		return nil
	}
	return t.format()
}

// CanonicalContentType returns value as [ForContentType] reads it: the media
// type in lower case, the charset as utf-8, and each other parameter as it came,
// with one blank before it. An application that is sent this has nothing left to
// read differently. A value that has no format is returned as it is.
func CanonicalContentType(value string) string {
	if plainType(value) != nil {
		return value
	}
	t, ok := parseContentType(value)
	if !ok || t.format() == nil || t.isCanonical(value) {
		return value
	}
	return string(t.append(nil))
}

// plainType returns the format of a media type that stands alone and is written as
// the table of formats has it, as most are; else nil.
func plainType(value string) *Format {
	for i := range formats {
		if slices.Contains(formats[i].MediaTypes, value) && value[0] != '+' {
			return &formats[i]
		}
	}
	return nil
}

// parseContentType reads a media type and its parameters (RFC 9110 §8.3.1). It
// refuses what parsers are known to read differently: a parameter twice, one of
// RFC 2231 (charset*=utf-7, charset*0=utf-7), and quotes around a semicolon or
// around what looks like a charset, which a parser that knows no quotes would
// take for a parameter.
func parseContentType(value string) (t contentType, ok bool) {
	mediaType, params, _ := strings.Cut(value, ";")
	mediaType = strings.Trim(mediaType, " \t")
	t.major, t.minor, _ = strings.Cut(mediaType, "/")
	if !isToken(t.major) || !isToken(t.minor) {
		return t, false
	}
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

func (t *contentType) add(name, value string) bool {
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
func (t *contentType) param(name string) int {
	return slices.IndexFunc(t.names[:t.n], func(n string) bool { return strings.EqualFold(n, name) })
}

func (t *contentType) format() *Format {
	for i := range formats {
		if f := &formats[i]; f.names(t) || f.suffixes(t) && !f.excepts(t) {
			return f
		}
	}
	return nil
}

// names reports whether t is one of the media types of f by its own name. Except is
// of the others, those that a suffix covers.
func (f *Format) names(t *contentType) bool {
	return slices.ContainsFunc(f.MediaTypes, t.is)
}

func (f *Format) suffixes(t *contentType) bool {
	return slices.ContainsFunc(f.MediaTypes, func(m string) bool { return m[0] == '+' && hasSuffixFold(t.minor, m) })
}

// is reports whether the media type is m, in any case.
func (t *contentType) is(m string) bool {
	major, minor, _ := strings.Cut(m, "/")
	return strings.EqualFold(t.major, major) && strings.EqualFold(t.minor, minor)
}

// append appends the canonical form to dst.
func (t *contentType) append(dst []byte) []byte {
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

// isCanonical reports whether value is what append would make. Most are short,
// and cost no allocation.
func (t *contentType) isCanonical(value string) bool {
	var room [128]byte
	return string(t.append(room[:0])) == value
}

// hasSuffixFold reports whether s is something before suffix, in any case.
func hasSuffixFold(s, suffix string) bool {
	return len(s) > len(suffix) && strings.EqualFold(s[len(s)-len(suffix):], suffix)
}

// cutParam reads one name=value and the semicolon after it. An empty one is allowed.
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

// plainQuoted reports whether what stands in quotes means the same to a parser
// that does not know quotes. An escape has no use here.
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
