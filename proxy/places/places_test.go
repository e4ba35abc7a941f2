package places

import (
	"errors"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/codec"
)

// spans returns the values that found names in line.
func spans(line string, found []Span) string {
	var values []string
	for _, s := range found {
		values = append(values, line[s.Begin:s.End])
	}
	return strings.Join(values, "|")
}

func codeOf(err error) codec.Code {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return ""
}

var tagged = []Name{NewName("ssn", 0), NewName("id_card", 1)}

func TestCookies(t *testing.T) {
	for line, want := range map[string]string{
		"":                            "",
		"ssn=1":                       "1",
		"ssn=":                        "",
		"ssn=a=b==":                   "a=b==",
		"a=b; ssn=1; c=d; id_card=2":  "1|2",
		"a=b;ssn=1;\tid_card=2;":      "1|2",
		`a="b, c"; ssn=1`:             "1",
		`a={"x":1}; ssn=1`:            "1",
		`a="b; ssn=1; c="`:            "1", // one value to readers of quotes, and sealed for them too
		"ssn":                         "",  // a value without a name
		"assn=1; ssnb=2; x-ssn=3":     "",
		"a=b ssn; ssn=sm1.AbC-_":      "sm1.AbC-_",
		"a=x&ssn; theme=dark":         "",
		"from=https://a/?ssn=1&b=2":   "",
		"a=1; b=%73%73%6E; ssn=%31":   "%31",
		"utm=a,b; prefs={x: 1}; z=é;": "",
	} {
		found, err := Cookies([]byte(line), tagged)
		if got := spans(line, found); err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", line, got, err, want)
		}
	}
}

// Every one of these is read as a tagged cookie by some server.
func TestCookiesRefuses(t *testing.T) {
	for _, line := range []string{
		`ssn="1"`, `$Version=1; ssn="\061"`, "ssn=1; ssn=2", "ssn=1, x=2", "a=1, ssn=2", "a=1 ssn=2", "ssn =1", "ssn= 1", "ssn=1 ; a=2", "ssn=1\t",
		"\u2000ssn=1", "a=b;\u00a0ssn=1", "SSN=1", "Ssn=1", "s%73n=1", "s%2573n=1", "ssn[]=1", "ssn[a]=1", "=ssn=1", "a=ssn=1", `"ssn=1"`, `ssn=a\b`,
		"id.card=1", "id_card=é", "a=1; $Path=/; ssn=1", "a=b,ssn =1", "id%5Fcard=1", `x="a, ssn=1"`, "(ssn)=1",
		"[ssn=1", "{[ssn=1", "+ssn=1", "%20+ssn=1", "id+card=1", "ssn%00=1", "ssn%00x=1", "s%73n[%]=1", "s%73n[%zz]=1", "%u0073sn=1", "id card=1", "x=1; id card[a]=2",
		"id[card=1", "id%5Bcard=1", "x]ssn=1", `x"ssn=1`, "a ssn[x]=1", "a,ssn\u2000=1", "x[ssn[=1",
	} {
		_, err := Cookies([]byte(line), tagged)
		if codeOf(err) != Ambiguous {
			t.Errorf("%s: %v", line, err)
		} else if strings.Contains(err.Error(), "061") {
			t.Errorf("%s: the error has the value: %v", line, err)
		}
	}
}

func TestSetCookie(t *testing.T) {
	for line, want := range map[string]string{
		"ssn=1": "1",
		"ssn=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT; Path=/; HttpOnly": "1",
		" ssn=1;Secure":         "1",
		"a=b; ssn=1":            "", // an attribute
		`theme="dark"; Path=/`:  "",
		"ssn=; Max-Age=0":       "",
		"__Host-ssn=1; Secure;": "",
	} {
		found, err := SetCookie([]byte(line), tagged)
		if got := spans(line, found); err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", line, got, err, want)
		}
	}
	for _, line := range []string{`ssn="1"; Path=/`, "SSN=1", "ssn =1", "a=b, ssn=1", "a=b; Path=/, ssn=1; Path=/", "s%73n=1", "ssn=1 2"} {
		if _, err := SetCookie([]byte(line), tagged); codeOf(err) != Ambiguous {
			t.Errorf("%s: %v", line, err)
		}
	}
}

func TestHeaderNames(t *testing.T) {
	for name, want := range map[string]bool{"x-ssn": true, "X_SSN": true, "X-Ssn": true, "x_ssn": true, "x-ssn2": false, "xx-ssn": false, "x.ssn": true, "x!SSN": true, "x5ssn": false, ":-ssn": false, "x:ssn": false, "x\x80ssn": false} {
		if got := IsHeader([]byte(name), Plain("X_SSN")); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
	for _, name := range []string{"host", ":path", "Content-Type", "content-anything", "CONNECTION", "transfer_encoding", "te", "cookie", "set-cookie", "authorization", "content.type",
		"x-envoy-retry-on", "grpc-timeout", "etag", "", "a b", "x:y", "x-forwarded-proto", "traceparent"} {
		if Reserved(Plain(name)) == "" {
			t.Errorf("%q may be tagged", name)
		}
	}
	for _, name := range []string{"x-ssn", "x-forwarded-for", "location", "x-user"} {
		if why := Reserved(Plain(name)); why != "" {
			t.Errorf("%s: %s", name, why)
		}
	}
}

// What is sealed opens as it was; what could not is refused.
func TestDecodeAppend(t *testing.T) {
	for _, c := range []struct {
		in   Kind
		raw  string
		text string // "": refused
	}{
		{Path, "123-45-6789", "123-45-6789"},
		{Path, "ada@example.com", "ada@example.com"},
		{Path, "a%20b%22", "a b\""},
		{Path, "Zo%C3%AB", "Zoë"},
		{Path, "a+b,c=d", "a+b,c=d"},
		{Path, "ada%40example.com", ""}, // an escape that is not needed
		{Path, "Zo%c3%ab", ""},
		{Path, "%41", ""},
		{Path, "a;b", ""}, {Path, "a%3Bb", ""}, {Path, "a%2Fb", ""}, {Path, "a%5Cb", ""}, {Path, "a%25b", ""}, {Path, "a%3Fb", ""}, {Path, "a%23b", ""},
		{Path, ".", ""}, {Path, "%2E%2E", ""}, {Path, "..", ""}, {Path, "a%00", ""}, {Path, "a%0A", ""}, {Path, "%20a", ""}, {Path, "a%", ""}, {Path, "%FF", ""},
		{Header, "123-45-6789", "123-45-6789"},
		{Header, `a, "b"; c=d`, `a, "b"; c=d`},
		{Header, "Zoë", "Zoë"},
		{Header, "Zo\xeb", ""}, {Header, "日本", ""}, {Header, "a\tb", ""}, {Header, "a\x7f", ""}, {Header, "a\u0085b", ""}, {Header, " a", ""}, {Header, "a\u00a0", ""},
		{Cookie, "a=b&c", "a=b&c"},
	} {
		text, err := c.in.Decode("ssn", []byte(c.raw), true)
		if c.text == "" {
			if code := codeOf(err); code != Ambiguous && code != PathAmbiguous {
				t.Errorf("%s %q: %q, %v", c.in, c.raw, text, err)
			}
			continue
		}
		if err != nil || string(text) != c.text {
			t.Errorf("%s %q: %q, %v; want %q", c.in, c.raw, text, err, c.text)
			continue
		}
		if again, err := c.in.Append(nil, text, "ssn"); err != nil || string(again) != c.raw {
			t.Errorf("%s %q: opens as %q, %v", c.in, c.raw, again, err)
		}
	}
	// A look-up needs the text alone.
	if text, err := Path.Decode("id", []byte("ada%40example.com"), false); err != nil || string(text) != "ada@example.com" {
		t.Errorf("%q, %v", text, err)
	}
}

func TestAppendRefuses(t *testing.T) {
	for _, c := range []struct {
		in   Kind
		text string
	}{
		{Path, ""}, {Path, "."}, {Path, "a/b"}, {Path, "a%b"}, {Path, "a;b"}, {Path, "a\nb"}, {Path, " a"}, {Path, "\xff"}, {Path, `a\b`}, {Path, "a?b"}, {Path, "a#b"},
		{Header, "a\r\nx: y"}, {Header, "日本"}, {Header, " a"}, {Header, "a\x00"}, {Header, "\xff"}, {Header, "a\tb"},
		{Cookie, "a; b=c"}, {Cookie, "a b"}, {Cookie, `"a"`}, {Cookie, "é"}, {Cookie, "a,b"}, {Cookie, `a\b`}, {Cookie, "a\n"},
	} {
		out, err := c.in.Append([]byte("x"), []byte(c.text), "ssn")
		if codeOf(err) != codec.WrongKind || string(out) != "x" {
			t.Errorf("%s %q: %q, %v", c.in, c.text, out, err)
		}
	}
}
