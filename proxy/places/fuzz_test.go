package places

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
)

// Whatever a reader of cookies finds under a tagged name is a span, or the
// header is refused.
func FuzzCookies(f *testing.F) {
	for _, line := range []string{
		"ssn=1", "a=b; ssn=1; c=d", `ssn="1"`, "ssn=1; ssn=2", "a=1, ssn=2", " ssn =1", "$Version=1; ssn=1", "SSN=1", "s%73n=1", "=ssn=1", "\u2000ssn=1",
		`a="b; ssn=1"`, "ssn=1;;", "ssn", "ssn;a=1", "ssn=\x01", "a=b\tssn=1", "ssn[]=1",
	} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		found, err := Cookies([]byte(line), tagged)
		if err != nil {
			return
		}
		masked := []byte(line)
		for _, s := range found {
			for i := s.Begin; i < s.End; i++ {
				masked[i] = 'X'
			}
		}
		for _, reader := range []func(string) map[string][]string{goReader, commaReader} {
			for name, values := range reader(string(masked)) {
				if name != "ssn" && name != "id_card" {
					continue
				}
				for _, v := range values {
					if strings.Trim(v, "X") != "" {
						t.Fatalf("%q: %s=%q is in clear", line, name, v)
					}
				}
			}
		}
	})
}

// goReader reads as net/http does.
func goReader(line string) map[string][]string {
	found := map[string][]string{}
	for _, c := range (&http.Request{Header: http.Header{"Cookie": {line}}}).Cookies() {
		found[c.Name] = append(found[c.Name], c.Value)
	}
	return found
}

// commaReader is the laxest: a comma ends a cookie too, names count in any case,
// and space and quotes around a name or a value do not.
func commaReader(line string) map[string][]string {
	found := map[string][]string{}
	for part := range bytes.FieldsFuncSeq([]byte(line), func(c rune) bool { return c == ',' || c == ';' }) {
		name, value, ok := strings.Cut(string(part), "=")
		if ok {
			name = strings.ToLower(strings.Trim(strings.TrimSpace(name), `"`))
			found[name] = append(found[name], value)
		}
	}
	return found
}

// What is sealed from a segment of a path opens as it was.
func FuzzSegment(f *testing.F) {
	for _, s := range []string{"1", "a%20b", "%41", "a;b", "%2F", "..", "Zo%C3%AB", "%ff", "a@b", "a%", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		text, err := Path.Decode("id", []byte(raw), true)
		if err != nil {
			return
		}
		if again, err := Path.Append(nil, text, "id"); err != nil || string(again) != raw {
			t.Fatalf("%q is %q, and opens as %q, %v", raw, text, again, err)
		}
	})
}
