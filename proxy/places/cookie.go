package places

import (
	"bytes"
	"strings"
)

// A Name is the name of a tagged value.
type Name struct {
	Text string
	Rule int
	lax  string // see laxName
}

// NewName returns the name of the values of rule.
func NewName(text string, rule int) Name { return Name{text, rule, laxName(text)} }

// Cookies returns the tagged values in the value of a Cookie header, in order.
// It refuses every header in which some reader could find a tagged name in
// another place: behind a comma or a space, in other case or escaped, twice.
// $Version and other names with a dollar sign make some readers parse the
// header by the rules of RFC 2109.
func Cookies(line []byte, tagged []Name) ([]Span, error) {
	var found []Span
	for at := 0; at <= len(line); {
		end := len(line)
		if i := bytes.IndexByte(line[at:], ';'); i >= 0 {
			end = at + i
		}
		begin := at
		for begin < end && (line[begin] == ' ' || line[begin] == '\t') {
			begin++
		}
		if begin < end && line[begin] == '$' {
			return nil, &Error{Ambiguous, Cookie, tagged[0].Text, "a name begins with $"}
		}
		span, ok, err := pair(line, begin, end, tagged)
		if err != nil {
			return nil, err
		}
		if ok {
			found = append(found, span)
		}
		at = end + 1
	}
	for i, f := range found {
		for _, g := range found[:i] {
			if f.Rule == g.Rule {
				return nil, &Error{Ambiguous, Cookie, nameOf(tagged, f.Rule), "the name is there twice"}
			}
		}
	}
	return found, nil
}

// SetCookie returns the tagged value in the value of a Set-Cookie header, of
// which there may be one. Attributes are left as they are.
func SetCookie(line []byte, tagged []Name) ([]Span, error) {
	first, attributes, _ := bytes.Cut(line, []byte{';'})
	begin := len(first) - len(bytes.TrimLeft(first, " \t"))
	span, ok, err := pair(line, begin, len(first), tagged)
	if err != nil {
		return nil, err
	}
	// Some readers take a comma for the end of a cookie.
	if comma := bytes.IndexByte(attributes, ','); comma >= 0 {
		if err := elsewhere(attributes[comma:], tagged); err != nil {
			return nil, err
		}
	}
	if !ok {
		return nil, nil
	}
	return []Span{span}, nil
}

// pair returns the tagged value of the pair in line[begin:end].
func pair(line []byte, begin, end int, tagged []Name) (s Span, ok bool, err error) {
	name, value, isPair := bytes.Cut(line[begin:end], []byte{'='})
	for _, t := range tagged {
		if !isPair || string(name) != t.Text {
			continue
		}
		if detail := cookieText(value); detail != "" {
			return s, false, &Error{Ambiguous, Cookie, t.Text, detail}
		}
		return Span{t.Rule, begin + len(name) + 1, end}, true, nil
	}
	return s, false, elsewhere(line[begin:end], tagged)
}

// elsewhere refuses text in which a lax reader could find one of tagged before
// an equals sign.
func elsewhere(text []byte, tagged []Name) error {
	for {
		before, after, ok := bytes.Cut(text, []byte{'='})
		if !ok {
			return nil
		}
		// PHP takes a space in a name for an underscore. Others begin a name
		// after it, and older Pythons also after what no name has to them.
		whole := bytes.TrimRightFunc(before, isAround)
		word := whole[bytes.LastIndexFunc(whole, isSeparator)+1:]
		token := word[bytes.LastIndexAny(word, `"[]\`)+1:]
		for _, t := range tagged {
			if t.isLax(token) || t.isLax(word) || t.isLax(whole) {
				return &Error{Ambiguous, Cookie, t.Text, "the name is spelled in another way, or is inside another value"}
			}
		}
		text = after
	}
}

// isSeparator reports whether some reader ends a cookie at c.
func isSeparator(c rune) bool { return c <= ' ' || c == ',' || c == ';' || c >= 0x7f }

// isAround reports whether no name has c.
func isAround(c rune) bool { return c > 0x7f || !isTokenByte(byte(c)) }

// isLax reports whether a lax reader could take name for t. To PHP what is in
// brackets is an index, and a bracket that is not closed is an underscore.
func (t *Name) isLax(name []byte) bool {
	if len(name) < len(t.lax) {
		return false
	}
	lax := laxName(string(name))
	head, _, _ := strings.Cut(lax, "[")
	return strings.TrimRightFunc(head, isAround) == t.lax || strings.ReplaceAll(lax, "[", "_") == t.lax
}

// laxName returns name as the laxest readers compare it: decoded, also where an
// escape is malformed (PHP before 7.4.11), in any case (ASP.NET), without what
// is around it (Django and ASP.NET cut Unicode's spaces, Tomcat's legacy
// processor cuts delimiters), and by PHP's rules for variables: a plus is a
// space, a dot and a space are an underscore, and a zero byte ends it.
func laxName(name string) string {
	for range 3 {
		name = UnescapeLax(strings.ReplaceAll(name, "+", " "))
	}
	name, _, _ = strings.Cut(strings.TrimFunc(name, isAround), "\x00")
	return strings.ToLower(strings.NewReplacer(".", "_", " ", "_").Replace(strings.TrimFunc(name, isAround)))
}

func nameOf(tagged []Name, rule int) string {
	for _, t := range tagged {
		if t.Rule == rule {
			return t.Text
		}
	}
	return ""
}

// cookieText returns what is wrong with text as the value of a cookie (RFC 6265
// section 4.1.1), "" for nothing. Quotes are part of the value to some readers
// and not to others.
func cookieText(text []byte) string {
	for _, c := range text {
		switch {
		case c == '"':
			return "a quote"
		case c == ',', c == ';', c == '\\':
			return "a delimiter"
		case c <= ' ' || c >= 0x7f:
			return "a space, a control character, or a character that is not ASCII"
		}
	}
	return ""
}
