package codec

import (
	"slices"
	"strings"
)

// formats is the table: a format is added by a line here.
var formats = [...]Format{
	{Name: "json", MediaTypes: []string{"application/json", "text/json", "+json"}, Except: []string{"application/json-patch+json"}, New: newJSON},
}

// Formats returns the table of formats.
func Formats() []Format { return append([]Format(nil), formats[:]...) }

// ForContentType returns the format of a content-type header value, or nil when there is
// none, the value is malformed, or its charset is not UTF-8: every format is read as UTF-8,
// and bytes that mean something else to the application would get around the rules.
func ForContentType(value string) *Format {
	mediaType, params, _ := strings.Cut(value, ";")
	mediaType = strings.Trim(mediaType, " \t")
	if !utf8Params(params) {
		return nil
	}
	major, minor, _ := strings.Cut(mediaType, "/")
	if !isToken(major) || !isToken(minor) {
		return nil
	}
	for i := range formats {
		if formats[i].excepts(mediaType) {
			continue
		}
		for _, m := range formats[i].MediaTypes {
			if strings.EqualFold(m, mediaType) || m[0] == '+' && hasSuffixFold(minor, m) {
				return &formats[i]
			}
		}
	}
	return nil
}

func (f *Format) excepts(mediaType string) bool {
	return slices.ContainsFunc(f.Except, func(e string) bool { return strings.EqualFold(e, mediaType) })
}

// hasSuffixFold reports whether s is something before suffix, in any case.
func hasSuffixFold(s, suffix string) bool {
	return len(s) > len(suffix) && strings.EqualFold(s[len(s)-len(suffix):], suffix)
}

// utf8Params reports whether params are well-formed (RFC 9110 §5.6.6) and name no
// charset but UTF-8.
func utf8Params(params string) bool {
	for params != "" {
		name, value, rest, ok := cutParam(params)
		if !ok || strings.EqualFold(name, "charset") && !strings.EqualFold(value, "utf-8") {
			return false
		}
		params = rest
	}
	return true
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
		// An escape in a quoted value has no use here: refuse rather than guess.
		if !ok || strings.ContainsAny(value, "\\\x00\r\n") {
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
