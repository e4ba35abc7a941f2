package places

import (
	"bytes"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/codec"
)

const sealed = "sm1.E"

// seal replaces the values of found in line.
func seal(line string, found []Span) string {
	var b strings.Builder
	done := 0
	for _, s := range found {
		b.WriteString(line[done:s.Begin] + sealed)
		done = s.End
	}
	return b.String() + line[done:]
}

// A reader gives the values that an application finds under a name in a line.
type reader func(line, name string) (values []string)

// byPairs reads what is between delimiters, and compares names by same.
func byPairs(delimiters string, same func(got, name string) bool) reader {
	return func(line, name string) (values []string) {
		for pair := range strings.FieldsFuncSeq(line, func(c rune) bool { return strings.ContainsRune(delimiters, c) }) {
			if got, value, ok := strings.Cut(pair, "="); ok && same(got, name) {
				values = append(values, strings.TrimSpace(value))
			}
		}
		return values
	}
}

// samePHP reads the names of cookies as PHP did before 7.4.11.
func samePHP(got, name string) bool {
	got = strings.TrimLeft(UnescapeLax(strings.ReplaceAll(got, "+", " ")), " \t\n\v\f\r")
	got, _, _ = strings.Cut(got, "\x00")
	if open := strings.IndexByte(got, '['); open > 0 && strings.IndexByte(got[open:], ']') > 0 {
		got = got[:open]
	}
	return strings.NewReplacer(".", "_", " ", "_", "[", "_").Replace(got) == name
}

// tomcat reads names as Tomcat's LegacyCookieProcessor: delimiters in front are
// dropped.
var tomcat = regexp.MustCompile(`(?:^|[;,])[\s()<>@,;:\\"/\[\]?={}]*([^\s()<>@,;:\\"/\[\]?={}]+)\s*=\s*([^;,\s]*)`)

// python reads names as SimpleCookie did while it searched for them.
var python = regexp.MustCompile(`\s*([\w!#%&'~` + "`" + `><@,:/$*+.^|)(?}{=-]+?)\s*=\s*("(?:[^\\"]|\\.)*"|[^;\s]*)\s*(?:\s+|;|$)`)

var readers = map[string]reader{
	"Go": func(line, name string) (values []string) {
		r := http.Request{Header: http.Header{"Cookie": {line}}}
		for _, c := range r.CookiesNamed(name) {
			values = append(values, c.Value)
		}
		return values
	},
	"Django":  byPairs(";", func(got, name string) bool { return strings.TrimSpace(got) == name }),
	"ASP.NET": byPairs(";,", func(got, name string) bool { return strings.EqualFold(strings.TrimSpace(UnescapeLax(got)), name) }),
	"Perl":    byPairs(";,", func(got, name string) bool { return strings.TrimSpace(UnescapeLax(got)) == name }),
	"PHP":     byPairs(";", samePHP),
	"Tomcat": func(line, name string) (values []string) {
		for _, m := range tomcat.FindAllStringSubmatch(line, -1) {
			if m[1] == name {
				values = append(values, m[2])
			}
		}
		return values
	},
	"Python": func(line, name string) (values []string) {
		for _, m := range python.FindAllStringSubmatch(line, -1) {
			if m[1] == name {
				values = append(values, m[2])
			}
		}
		return values
	},
}

// FuzzCookies: what is let in has the same tagged values for all readers, and
// they are sealed.
func FuzzCookies(f *testing.F) {
	for _, line := range []string{
		"a=b; ssn=1; id_card=2", "SSN=1", "[ssn=1", "+ssn=1", "id card=1", "a=1, ssn=2", `a="b; ssn=1"`, "s%73n[%]=1", "ssn%00x=1", "\u00a0ssn=1", "a ssn=1", "=ssn=1", "ssn",
	} {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		if bytes.ContainsAny(in, "\x00\r\n") {
			return // no header has them
		}
		line := string(in)
		found, err := Cookies(in, tagged)
		if err != nil {
			if codeOf(err) != Ambiguous {
				t.Errorf("%q: %v", line, err)
			}
			return
		}
		after := seal(line, found)
		for name, read := range readers {
			for _, tag := range tagged {
				if values := read(after, tag.Text); slices.ContainsFunc(values, func(v string) bool { return v != sealed && v != "" }) {
					t.Errorf("%s reads %q in %q", name, values, after)
				}
			}
		}
		_, _ = SetCookie(in, tagged)
	})
}

// FuzzDecodeAppend: what is sealed opens as it was, and what opens is one value.
func FuzzDecodeAppend(f *testing.F) {
	for _, text := range []string{"a", "a%20b", "..", "a/b", "a\r\nb", "é", "a;b", `"`, " a", "%41"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		for k := range Kinds {
			if k == Body || k == Query {
				continue
			}
			if text, err := k.Decode("ssn", bytes.Clone(raw), true); err == nil && k != Cookie {
				if again, err := k.Append(nil, text, "ssn"); err != nil || !bytes.Equal(again, raw) {
					t.Errorf("%s: %q opens as %q, %v", k, raw, again, err)
				}
			}
			out, err := k.Append(nil, raw, "ssn")
			if err != nil {
				if codeOf(err) != codec.WrongKind {
					t.Errorf("%s: %q: %v", k, raw, err)
				}
				continue
			}
			if bad := map[Kind]string{Path: "/?#;\\ \r\n", Header: "\r\n\x00", Cookie: "; ,\"\\\r\n\x00"}[k]; bytes.ContainsAny(out, bad) {
				t.Errorf("%s: %q opens as %q", k, raw, out)
			}
		}
	})
}
