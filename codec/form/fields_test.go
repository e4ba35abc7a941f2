package form

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/codectest"
)

// What a Transform is given: text where our encoding of it gives the same
// bytes, else the value as it is in the body.
func TestFields(t *testing.T) {
	sel := codectest.Select(t, codec.Rule{Path: "$.ssn"}, codec.Rule{Path: "$.look", Unescape: true}, codec.Rule{Path: "$.open", Open: true}, codec.Rule{Path: "$.user"})
	const raw = "\x05"
	for _, tc := range []struct{ body, want string }{
		{"", ""},
		{"a=1", ""},
		{"ssn=", "0 text "},
		{"ssn=abc-1_2.3*", "0 text abc-1_2.3*"},
		{"ssn=a+b", "0 text a b"},
		{"ssn=a%20b", "0 raw " + raw + "a%20b"},
		{"ssn=a b", "0 raw " + raw + "a b"},
		{"ssn=a%26b%3Bc", "0 text a&b;c"},
		{"ssn=a%26b%3bc", "0 raw " + raw + "a%26b%3bc"},
		{"ssn=%41", "0 raw " + raw + "%41"},
		{"ssn=~", "0 raw " + raw + "~"},
		{"ssn=%7E", "0 text ~"},
		{"ssn=%C3%A9%0D%0A%09", "0 text é\r\n\t"},
		{"ssn=%C3%a9", "0 raw " + raw + "%C3%a9"},
		{"ssn=\u00e9", "0 raw " + raw + "\u00e9"},
		{"ssn=a=b", "0 raw " + raw + "a=b"},
		{"ssn==", "0 raw " + raw + "="},
		{"look=a%20b&look=%41~\u00e9", "1 text a b|1 text A~é"},
		{"open=%73m1.x&open=+%7e", "2 text sm1.x|2 text  ~"},
		{"ssn=1&s%73n=2&ssn=3", "0 text 1|0 text 2|0 text 3"},
		{"user[a]=1&user[b][c]=2&user.d=3&user=4", "3 text 1|3 text 2|3 text 3|3 text 4"},
	} {
		if got := fieldsOf(t, sel, tc.body); got != tc.want {
			t.Errorf("%q: %q, want %q", tc.body, got, tc.want)
		}
	}
}

// Every kind of body that two readers could read differently is refused.
func TestRefusals(t *testing.T) {
	sel := codectest.Select(t, rules("$.ssn")...)
	for _, tc := range []struct {
		body string
		code codec.Code
	}{
		{"ssn=1;ssn=2", codec.Malformed}, // CVE-2021-23336
		{"a=1&amp;ssn=2", codec.Malformed},
		{"ssn=%", codec.Truncated},
		{"ssn=%4", codec.Truncated},
		{"ssn=%C2", codec.Truncated},
		{"ssn=%&a=1", codec.Malformed},
		{"ssn=%4x", codec.Malformed},
		{"ssn=%C2&a=1", codec.Malformed},
		{"ssn=%u0031", codec.Malformed},
		{"a=%U0031", codec.Malformed},
		{"ssn=%FE%FF", codec.Malformed},
		{"ssn=%ED%A0%80", codec.Malformed}, // half a surrogate pair
		{"ssn=%C3\xa9", codec.Malformed},
		{"ssn%00x=1", codec.Malformed},
		{"ssn=1%00", codec.Malformed},
		{"a=%00", codec.Malformed},
		{"a=1\n", codec.Malformed},
		{"%0Assn=1", codec.Malformed},
		{"ssn%0A=1", codec.Malformed},
		{"\ufeffssn=1", codec.Malformed},
		{"%EF%BB%BFssn=1", codec.Malformed},
		{"?ssn=1", codec.Malformed}, // URLSearchParams and qs drop it
		{"%3Fssn=1", codec.Malformed},
		{"_charset_=windows-1252&ssn=1", codec.Malformed},
		{"%5Fcharset_=UTF-8", codec.Malformed},
		{"ssn", codec.Truncated},
		{"ssn&a=1", codec.Malformed},
		{"ssn[0]&a=1", codec.Malformed},
		{"s%73n&a=1", codec.Malformed},
		{"x=[ssn]=1", codec.Malformed}, // qs ends a name at ]=
		{"x[y=1%5D=1", codec.Malformed},

		{"a", ""},
		{"a&b&", ""},
		{"=", ""},
		{"_charset", ""},
		{"a?=?", ""},
		{"x=[ssn]%3D1", ""},
		{"a=%0D%0A%09", ""},
		{"_method=PUT", ""},
	} {
		if got := refusalOf(t, sel, tc.body); got != tc.code {
			t.Errorf("%q: %q, want %q", tc.body, got, tc.code)
		}
	}
	folding := codectest.Fold(t, rules("$.ssn")...)
	if got := fieldsOf(t, folding, "SSN=1&User[x]=2"); got != "0 text 1" {
		t.Errorf("names in another case: %s", got)
	}
}

// The guard refuses roots, methods and envelopes.
func TestGuard(t *testing.T) {
	isHead := func(text []byte) bool { return text[4] == 'A' }
	stolen := "sm1.A" + strings.Repeat("Qb-_", 11)
	long := strings.Repeat("a+long+text.", 30)
	set := []codec.Rule{{Path: "$.seal"}, {Path: "$.open", Open: true}, {Path: "$.keep", Envelopes: true}}
	sel := codectest.Select(t, set...).Guarded(codec.Guard{Root: codec.ObjectRoot, Method: true, Envelope: isHead})
	for _, tc := range []struct {
		body string
		code codec.Code
	}{
		{"_method=PUT", codec.MethodFound},
		{"a=1&%5FMethod[]=PUT", codec.MethodFound},
		{".method=PUT", codec.MethodFound},
		{"a[_method]=PUT&method=PUT", ""},
		{"seal(1i)=1990&seal(2i)=1", codec.Malformed}, // a piece of a value to Rails
		{"seal%281i%29=1990", codec.Malformed},
		{"other(1i)=1990&seal(i)=1", ""},
		{"note=" + stolen, codec.EnvelopeFound},
		{"note=" + long + stolen + long, codec.EnvelopeFound},
		{"note=%73" + stolen[1:], codec.EnvelopeFound},
		{"note=sm%31%2E" + stolen[4:], codec.EnvelopeFound},
		{"note=" + long + stolen[:20] + "%41" + stolen[21:], codec.EnvelopeFound},
		{"note=sm1.%41" + stolen[5:], codec.EnvelopeFound},
		{stolen + "=1", codec.EnvelopeFound},
		{"%73" + stolen[1:] + "=1", codec.EnvelopeFound},
		{"user[" + stolen + "]=1", codec.EnvelopeFound},
		{"user." + stolen, codec.EnvelopeFound},
		{"seal=" + stolen, codec.EnvelopeFound},
		{"open=" + stolen, ""},
		{"open=%73" + stolen[1:], ""},
		{"keep=" + stolen, ""},
		{"keep=%73" + stolen[1:], codec.EnvelopeFound}, // raw
		{"note=sm1.B" + stolen[5:] + "&a=" + stolen[:codec.HeadLen-1], ""},
	} {
		if got := refusalOf(t, sel, tc.body); got != tc.code {
			t.Errorf("%q: %q, want %q", tc.body, got, tc.code)
		}
	}
	array := codectest.Select(t, set...).Guarded(codec.Guard{Root: codec.ArrayRoot})
	if got := refusalOf(t, array, "a=1"); got != codec.WrongRoot {
		t.Errorf("a form where an array must be: %q", got)
	}
}

// A form has no boundary: a server that takes one reads another format.
func TestParams(t *testing.T) {
	for params, want := range map[codec.Params]codec.Code{"": "", "charset=utf-8": "", " Charset=UTF-8;": "", "boundary=x": codec.Malformed} {
		if _, err := Format.New(codec.Body{Params: params}); codeOf(err) != want {
			t.Errorf("%q: %v", params, err)
		}
	}
}

// Settings and Check.
func TestCheck(t *testing.T) {
	sel := codectest.Select(t, rules("$.ssn")...)
	for value, want := range map[string]Dialect{"": All, "all": All, "php": PHP, "dots": Dots, "brackets": Brackets, "literal": Literal} {
		if got, err := Format.Check(sel, codec.Options{Settings: map[string]string{"names": value}}); err != nil || got.(*checked).dialect != want {
			t.Errorf("%s: %v, %v", value, got, err)
		}
	}
	if got, err := DialectOf(codec.Options{}); err != nil || got != All {
		t.Errorf("without settings: %v, %v", got, err)
	}
	for _, o := range []codec.Options{{Schema: []byte{}}, {Settings: map[string]string{"delimiter": ";"}}, {Settings: map[string]string{"names": "rails"}}} {
		if _, err := Format.Check(sel, o); err == nil {
			t.Errorf("%v is taken", o)
		}
	}
	if _, err := Format.New(codec.Body{At: sel.Root()}); !errors.Is(err, errUnchecked) {
		t.Errorf("New without Check: %v", err)
	}
}

// The cases of the URL standard's parser: what passes is read as it says.
func TestURLStandard(t *testing.T) {
	text, err := os.ReadFile("testdata/urlencoded-parser-data.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Input  string
		Output [][2]string
	}
	if err := json.Unmarshal(text, &cases); err != nil || len(cases) != 35 {
		t.Fatalf("%d cases, %v", len(cases), err)
	}
	refused := map[string]bool{ // as malformed escapes, UTF-8, a byte order mark or _charset_
		"\ufefftest=\ufeff": true, "%EF%BB%BFtest=%EF%BB%BF": true, "%FE%FF": true, "%FF%FE": true, "%C2": true, "%C2x": true,
		"_charset_=windows-1252&test=%C2x": true, "%=a": true, "%a=a": true, "%a_=a": true,
		"id=0&value=%": true, "b=%2sf%2a": true, "b=%2%2af%2a": true, "b=%%2a": true,
	}
	for _, c := range cases {
		sel := codectest.Select(t, codec.Rule{Path: "$.*", Unescape: true})
		var want []string
		for pair := range strings.SplitSeq(c.Input, "&") {
			if pair == "" {
				continue
			}
			if value := c.Output[0][1]; strings.Contains(pair, "=") {
				want = append(want, "0 text "+value)
			} else {
				sel = codectest.Select(t, rules("$.nothing")...)
				want = nil
				break
			}
			c.Output = c.Output[1:]
		}
		if refused[c.Input] {
			if got := refusalOf(t, sel, c.Input); got != codec.Malformed && got != codec.Truncated {
				t.Errorf("%q: %q", c.Input, got)
			}
		} else if got := fieldsOf(t, sel, c.Input); got != strings.Join(want, "|") {
			t.Errorf("%q: %q, want %q", c.Input, got, want)
		}
	}
}
