package multipart

import (
	"errors"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/codectest"
)

// refusedWith runs body through a Writer whole and cut, and returns the error,
// which is always the same.
func refusedWith(t *testing.T, r rewriting, body string) *codec.Error {
	t.Helper()
	_, whole := r.run(body, nil)
	e, ok := errors.AsType[*codec.Error](whole)
	if whole != nil && !ok {
		t.Fatalf("%q: %v", body, whole)
	}
	for _, step := range []int{1, 2, 3, 7, 64} {
		if _, err := r.run(body, codectest.Everywhere(len(body), step)); (err == nil) != (whole == nil) || err != nil && err.Error() != whole.Error() {
			t.Fatalf("%q by %d: %v, whole %v", body, step, err, whole)
		}
	}
	return e
}

// headed is a body of one part with these header lines.
func headed(lines ...string) string {
	return "--" + boundary + "\r\n" + strings.Join(lines, "\r\n") + "\r\n\r\nvalue\r\n" + closing
}

const plainName = `Content-Disposition: form-data; name="a"`

// TestFraming: what must hold of lines and boundaries.
func TestFraming(t *testing.T) {
	good := formOf(field("a", "1"), field("b", "2"))
	for body, detail := range map[string]string{
		good:                             "",
		strings.TrimSuffix(good, "\r\n"): "",
		"--XyZ-1--":                      "", "--XyZ-1--\r\n": "",
		"--XyZ-1--\r\n" + good:                                   "expected the end of the body after the last boundary",
		"--XyZ-1--x" + good:                                      "expected the end of the body after the last boundary",
		"preamble\r\n" + good:                                    "expected the boundary at the start of the body",
		"--other\r\n\r\n" + good:                                 "expected the boundary at the start of the body",
		good + "epilogue":                                        "expected the end of the body after the last boundary",
		good + "\r\n":                                            "expected the end of the body after the last boundary",
		strings.TrimSuffix(good, "\r\n") + "\n":                  "expected the end of the body after the last boundary",
		strings.TrimSuffix(good, "\r\n") + " \r\n":               "expected the end of the body after the last boundary",
		strings.ReplaceAll(good, "\r\n", "\n"):                   "the line of a boundary ends without CR",
		strings.Replace(good, "--XyZ-1\r\n", "--XyZ-1\n", 1):     "the line of a boundary ends without CR",
		strings.Replace(good, "--XyZ-1\r\n", "--XyZ-1 \r\n", 1):  "a blank after a boundary",
		strings.Replace(good, "--XyZ-1\r\n", "--XyZ-1\t\r\n", 1): "a blank after a boundary",
		strings.Replace(good, "--XyZ-1\r\n", "--XyZ-1x\r\n", 1):  "a line begins with the boundary and continues",
		strings.Replace(good, "--XyZ-1\r\n", "--XyZ-1-\r\n", 1):  "a line begins with the boundary and continues",
		strings.Replace(good, "--XyZ-1\r\n", "--XyZ-1\rx\n", 1):  "a line begins with the boundary and continues",
		formOf(field("a", "1\r\n--XyZ-12")):                      "a line begins with the boundary and continues",
		formOf(field("a", "1\r\n--XyZ-1 2")):                     "a blank after a boundary",
		formOf(field("a", "1\n--XyZ-1\r\n")):                     "a boundary after a line end that is not CRLF",
		formOf(field("a", "1\r--XyZ-1\r\n")):                     "a boundary after a line end that is not CRLF",
		formOf(field("a", "\n--XyZ-1\r\n")):                      "a boundary after a line end that is not CRLF",
		formOf(field("a", "x --XyZ-1 y")):                        "the boundary inside a line",
		formOf(field("a", "x---XyZ-1")):                          "the boundary inside a line",
		formOf(field("a", "\r\n---XyZ-1")):                       "the boundary inside a line",
		strings.Replace(good, "\r\n\r\n1\r\n", "\r\n\r\n", 1):    "a part has no line end between its headers and the boundary",
		formOf(field("a", "--XyZ-1\r\n")):                        "a part has no line end between its headers and the boundary",
		strings.Replace(good, "\r\n\r\n1\r\n", "\r\n", 1):        "a line of the headers has no colon",
		strings.Replace(good, "\r\n\r\n1", "\r\n\n1", 1):         "a line of the headers ends without CR",
		strings.Replace(good, "\"a\"\r\n", "\"a\"\n", 1):         "a line of the headers ends without CR",
		strings.Replace(good, "\"a\"\r\n", "\"a\"\r", 1):         "a control character in the headers of a part",
	} {
		e := refusedWith(t, rewriting{sel: rules(t, "$.ssn")}, body)
		if e == nil != (detail == "") || e != nil && (e.Code != codec.Malformed || e.Detail != detail) {
			t.Errorf("%q: %v, want %q", body, e, detail)
		}
	}
}

// TestHeaders: what must hold of the headers of a part.
func TestHeaders(t *testing.T) {
	const (
		one    = "a Content-Disposition with more than one name and one filename"
		name   = "expected a name, then nothing or a filename, in Content-Disposition"
		bare   = "a name or a filename without quotes has a character that needs them"
		other  = "a header that form data does not have"
		word   = "a name or a filename has an encoded word"
		semi   = "a name or a filename has a semicolon and an equals sign"
		code   = "a transfer encoding other than binary, 8bit and 7bit"
		wrong  = "a type that is malformed"
		part   = "a part that has parts of its own"
		length = "a length that is not a number"
	)
	for lines, detail := range map[string]string{
		plainName: "", "content-DISPOSITION:form-data;name=a": "", plainName + `; filename="x.y"`: "", plainName + `;filename=x.y`: "", plainName + `; filename="R&amp;D; plan.pdf"`: "",
		plainName + `; filename=x.y; filename*=utf-8''x.y`: "", plainName + `; filename="x (é)"; filename*=UTF-8''x%20%28%C3%a9%29`: "", plainName + `; filename=""; filename*=utf-8''`: "",
		plainName + `; filename="=?utf-8?B?w7w=?="; filename*=utf-8''%C3%BC`: "", plainName + `; filename="=?utf-8?B?w7w=?="`: word, plainName + `; filename="=?utf-8?B?w7w=?="; filename*=utf-8''u`: one,
		plainName + `; filename="=?utf-8?B?w7w?="; filename*=utf-8''%C3%BC`: word, plainName + `; filename="=?utf-8?B?Ig==?="; filename*=utf-8''%22`: word, plainName + `; filename="=?utf-8?B?Cg==?="; filename*=utf-8''%0A`: word,
		plainName + `; filename="=?utf-8?Q?=C3=BC?="; filename*=utf-8''%C3%BC`: word, plainName + `; filename="=?utf-8?B?YTtuYW1lPWI=?="; filename*=utf-8''a%3Bname%3Db`: word, `Content-Disposition: form-data; name="=?utf-8?B?c3Nu?="; filename*=utf-8''ssn`: word,
		plainName + "\r\nContent-Type: text/plain; charset=ISO-8859-1\r\nContent-Transfer-Encoding: 8bit": "", "Content-Type: text/plain;charset=\"us-ascii\"\r\n" + plainName: "",
		plainName + "\r\nContent-Type: image/svg+xml": "", "Content-Type: text/plain; format=flowed; charset=\"UTF-8\"\r\n" + plainName: "",
		plainName + "\r\nContent-Transfer-Encoding: 8bit": "", "content-transfer-encoding: binary\r\n" + plainName: "", plainName + "\r\nContent-Transfer-Encoding: 7bit": "",
		plainName + "\r\nContent-Length: 5": "", `Content-Disposition: form-data; name="a b'c(d)é=1&amp"; filename=""`: "",

		`Content-Disposition: form-data; name="x"; name="ssn"`:     name,
		plainName + `; filename="x"; filename="y"`:                 one,
		plainName + `; filename="x"; name="y"`:                     one,
		plainName + `; filename="x" `:                              "a header has no value, or blanks around it",
		`Content-Disposition: form-data; filename="x"; name="ssn"`: name,
		`Content-Disposition: form-data; name*=utf-8''ssn`:         name,
		plainName + `; name*=utf-8''ssn`:                           name,
		plainName + `; filename*=utf-8''x`:                         name,
		plainName + `; filename="x"; filename*=utf-8''y`:           one, plainName + `; filename="x"; filename*=utf-8''xx`: one, plainName + `; filename="x"; filename*=utf-8''`: one,
		plainName + `; filename="x"; filename*=iso-8859-1''x`: one, plainName + `; filename="x"; filename*=utf-8'en'x`: one, plainName + `; filename="x"; filename*=utf-8''%7`: one,
		plainName + `; filename="x"; filename*=utf-8''%7g`: one, plainName + `; filename="x"; filename*="utf-8''x"`: one, plainName + `; filename="x y"; filename*=utf-8''x y`: one,
		plainName + `; filename="x"; filename*=utf-8''x; filename*=utf-8''x`: one, plainName + `; filename="x"; filename*0=x`: one,
		plainName + `; size=1`:                          name,
		plainName + `;`:                                 name,
		plainName + `;  filename="x"`:                   name,
		`Content-Disposition: form-data; Name="ssn"`:    name,
		`Content-Disposition: form-data; name ="ssn"`:   name,
		`Content-Disposition: form-data`:                name,
		`Content-Disposition: form-data name="a"`:       name,
		`Content-Disposition: attachment; name="a"`:     "a Content-Disposition that is not form-data",
		`Content-Disposition: Form-Data; name="a"`:      "a Content-Disposition that is not form-data",
		`Content-Disposition: form-data; name='ssn'`:    bare,
		`Content-Disposition: form-data; name=s%73n`:    bare,
		`Content-Disposition: form-data; name=`:         bare,
		`Content-Disposition: form-data; name=a b`:      bare,
		`Content-Disposition: form-data; name="ssn`:     "a name or a filename has no second quote",
		`Content-Disposition: form-data; name="s\sn"`:   "a name or a filename has a backslash",
		`Content-Disposition: form-data; name="s\"sn"`:  "a name or a filename has a backslash",
		plainName + `; filename="C:\x"`:                 "a name or a filename has a backslash",
		`Content-Disposition: form-data; name="s%22sn"`: "a name or a filename has an encoded quote",
		plainName + `; filename="x%22y"`:                "a name or a filename has an encoded quote",
		`Content-Disposition: form-data; name="ss%6E"`:  "a name has a percent encoding",
		`Content-Disposition: form-data; name="a;b"`:    "a name has a semicolon",
		plainName + `; filename="x; name=ssn"`:          semi, plainName + `; filename="x; name =ssn"`: semi, plainName + `; filename="x;a=b"`: semi,
		plainName + `; filename="x name=ssn"`:                     "a name or a filename has the text name=",
		`Content-Disposition: form-data; name="=?utf-8?B?c3Nu?="`: "a name or a filename has an encoded word",
		`Content-Disposition: form-data; name=" ssn"`:             "a blank at an end of a name", "Content-Disposition: form-data; name=\"ssn\u00a0\"": "a blank at an end of a name",
		"Content-Disposition: form-data; name=\"\ufeffssn\"":     "a blank at an end of a name",
		`Content-Disposition: form-data; name="_charset_"`:       "a field that changes the charset",
		plainName + "\r\n" + plainName:                           "a part has two Content-Dispositions",
		"Content-Type: text/plain":                               "a part has no Content-Disposition",
		plainName + "\r\nContent-Type: a/b\r\nContent-Type: a/b": "a part has two types",
		plainName + "\r\nContent-Length: 5\r\nContent-Length: 5": "a part has two lengths",
		plainName + "\r\nContent-Length: 4":                      "a part is not as long as its Content-Length",
		plainName + "\r\nContent-Length: 6":                      "a part is not as long as its Content-Length",
		plainName + "\r\nContent-Length: +5":                     length,
		plainName + "\r\nContent-Length: 0x5":                    length,
		plainName + "\r\nContent-Length: 1000000000000000005":    length,
		plainName + "\r\nContent-Transfer-Encoding: base64":      code, plainName + "\r\nContent-Transfer-Encoding: quoted-printable": code,
		plainName + "\r\nContent-Transfer-Encoding: 8bit, base64": code, plainName + "\r\nContent-Transfer-Encoding: BINARY": code,
		plainName + "\r\nContent-Transfer-Encoding: 8bit\r\nContent-Transfer-Encoding: 8bit": "a part has two transfer encodings",
		plainName + "\r\nContent_Type: text/plain":                                           other,
		plainName + "\r\nContent-Encoding: gzip":                                             other,
		plainName + "\r\nX-A: Content-Disposition: form-data":                                other,
		plainName + "\r\nContent-Type : text/plain":                                          other,
		plainName + "\r\n: x":                                                                other,
		plainName + "\r\n name=b":                                                            "a header continues on a second line",
		plainName + "\r\n\t; filename=b":                                                     "a header continues on a second line",
		plainName + "\r\nContent-Type:":                                                      "a header has no value, or blanks around it",
		plainName + "\r\nContent-Type:  a/b":                                                 "a header has no value, or blanks around it",
		plainName + "\r\nContent-Type":                                                       "a line of the headers has no colon",
		plainName + "\r\nContent-Type: a\x00/b":                                              "a control character in the headers of a part",
		plainName + "\r\nContent\x00-Type: a/b":                                              "a control character in the headers of a part",
		`Content-Disposition: form-data; name="ssn` + "\x00" + `"`:                           "a control character in the headers of a part",
		`Content-Disposition: form-data; name="` + "\xff" + `"`:                              "the headers of a part are not UTF-8",
		plainName + `; filename="--XyZ-1"`:                                                   "the boundary in the headers of a part",
		plainName + "\r\nContent-Type: text":                                                 wrong,
		plainName + "\r\nContent-Type: text/":                                                wrong,
		plainName + "\r\nContent-Type: /plain":                                               wrong,
		plainName + "\r\nContent-Type: text/plain, a/b":                                      wrong,
		plainName + "\r\nContent-Type: text/plain;":                                          wrong,
		plainName + "\r\nContent-Type: text/plain; a":                                        wrong,
		plainName + "\r\nContent-Type: text/plain; a=":                                       wrong,
		plainName + "\r\nContent-Type: text/plain; charset*=utf-8''utf-7":                    wrong,
		plainName + "\r\nContent-Type: text/plain; a=\"b;c\"":                                wrong,
		plainName + "\r\nContent-Type: text/plain; a=\"b":                                    wrong,
		plainName + "\r\nContent-Type: text/plain; charset=iso-8859-15":                      "a type whose charset is not UTF-8, or that has two",
		plainName + "\r\nContent-Type: text/plain; charset=utf-8; charset=utf-8":             "a type whose charset is not UTF-8, or that has two",
		plainName + "\r\nContent-Type: a/b; name=\"ssn\"":                                    "a type that has a name",
		plainName + "\r\nContent-Type: a/" + strings.Repeat("b", 126):                        "a type that is longer than 127 bytes",
		plainName + "\r\nContent-Type: multipart/mixed; boundary=y":                          part,
		plainName + "\r\nContent-Type: Multipart/form-data":                                  part,
		plainName + "\r\nContent-Type: application/x-www-form-urlencoded":                    "a part that is a form of its own",
	} {
		body := headed(strings.Split(lines, "\r\n")...)
		e := refusedWith(t, rewriting{sel: rules(t, "$.ssn")}, body)
		if e == nil != (detail == "") || e != nil && (e.Code != codec.Malformed || e.Detail != detail) {
			t.Errorf("%q: %v, want %q", lines, e, detail)
		}
	}
}

// TestBoundaries: what the media type may say.
func TestBoundaries(t *testing.T) {
	table := codec.Table{&format}
	for value, ok := range map[string]bool{
		"multipart/form-data; boundary=a":                                     true,
		"multipart/form-data; Boundary=\"a.b\"; charset=utf-8":                true,
		"multipart/form-data; boundary=\"----=_Part_1\"":                      false,
		"multipart/form-data; boundary=----WebKitFormBoundary7MA4YWxkTrZu0gW": true,
		"multipart/form-data; boundary=dart-http-boundary-a+b_c.d":            true,
		"multipart/form-data; boundary=" + strings.Repeat("a", 70):            true,
		"multipart/form-data; boundary=" + strings.Repeat("a", 71):            false,
		"multipart/form-data":                              false,
		"multipart/form-data; boundary=\"\"":               false,
		"multipart/form-data; boundary=a,":                 false,
		"multipart/form-data; boundary=\"a,b\"":            false,
		"multipart/form-data; boundary=\"a b\"":            false,
		"multipart/form-data; boundary=\"a \"":             false,
		"multipart/form-data; boundary=\"a:b\"":            false,
		"multipart/form-data; boundary=a'b":                false,
		"multipart/form-data; boundary=a*b":                false,
		"multipart/form-data; boundary=\"é\"":              false,
		"multipart/form-data; boundary=\"a\\\"b\"":         false,
		"multipart/form-data; boundary=a; boundary=b":      false,
		"multipart/form-data; boundary=a; Boundary=a":      false,
		"multipart/form-data; boundary*0=re;boundary*1=al": false,
		"multipart/form-data; boundary*=utf-8''a":          false,
		"multipart/form-data; xboundary=a; boundary=b":     false,
		"multipart/form-data; boundary=b; x=y":             false,
		"multipart/form-data; boundary=b; charset=utf-7":   false,
	} {
		d := table.Detect(value)
		if d.Format == nil {
			if ok {
				t.Errorf("%s is not multipart", value)
			}
			continue
		}
		w, err := d.Format.New(codec.Body{Params: d.Params})
		if e, bad := errors.AsType[*codec.Error](err); bad == ok || bad && (e.Code != codec.BadParams || e.Offset != 0) {
			t.Errorf("%s: %v", value, err)
		}
		if err == nil {
			w.Free()
		}
	}
}

// TestLimits: the constants of the package, at and past.
func TestLimits(t *testing.T) {
	named := func(n int) string {
		line := `Content-Disposition: form-data; name="`
		return headed(line + strings.Repeat("n", n-len(line)-len("\"\r\n\r\n")) + `"`)
	}
	media := func(n int) string { return headed(plainName, "Content-Type: a/"+strings.Repeat("b", n-2)) }
	for _, tc := range []struct {
		name   string
		body   string
		limits codec.Limits
		code   codec.Code
	}{
		{"head", named(maxHead), codec.Limits{}, ""},
		{"head", named(maxHead + 1), codec.Limits{}, codec.NameLimit},
		{"head without an end", named(3 * maxHead)[:2*maxHead], codec.Limits{}, codec.NameLimit},
		{"name", formOf(field(strings.Repeat("n", 40), "")), codec.Limits{NameBytes: 40}, ""},
		{"name", formOf(field(strings.Repeat("n", 41), "")), codec.Limits{NameBytes: 40}, codec.NameLimit},
		{"type", media(maxMedia), codec.Limits{}, ""},
		{"type", media(maxMedia + 1), codec.Limits{}, codec.Malformed},
	} {
		e := refusedWith(t, rewriting{sel: rules(t, "$.ssn"), tr: codectest.Seal, limits: tc.limits}, tc.body)
		if code := codeOf(e); code != tc.code {
			t.Errorf("%s of a body of %d bytes: %v, want %s", tc.name, len(tc.body), e, tc.code)
		}
	}
	many := strings.Repeat(field("a", ""), maxParts)
	r := rewriting{sel: rules(t, "$.ssn"), tr: codectest.Seal}
	if _, err := r.run(formOf(many), nil); err != nil {
		t.Error(err)
	}
	_, err := r.run(formOf(many, field("a", "")), nil)
	if e, ok := errors.AsType[*codec.Error](err); !ok || e.Code != codec.FieldLimit {
		t.Error(err)
	}
}

func codeOf(e *codec.Error) codec.Code {
	if e == nil {
		return ""
	}
	return e.Code
}
