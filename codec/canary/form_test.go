package canary

import (
	"math/rand/v2"
	"net/url"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/codec/form"
)

const formType = "application/x-www-form-urlencoded"

var (
	formNames = []string{
		"ssn", "ssn", "s%73n", "ssn[]", "ssn[0]", "ssn[x]", "[ssn]", "ssn[", "ssn]", "+ssn", "%20ssn", " ssn", "SSN", "s.sn", "s_sn", "user[ssn]", "user%5Bssn%5D", "user%5bssn]", "user.ssn", "user%2Essn", "user[ssn][]", "user[ssn]x", "user[x][ssn]",
		"user[[ssn]]", "user]ssn", "user.x.ssn", "user[0][ssn]", "list[0][ssn]", "list[][ssn]", "list[x][ssn]", "list.0.ssn", "list[0].ssn",
		"list[21][ssn]", "a", "note", "", "a[b][c][d][e][f][g][ssn]", "__proto__[ssn]", "constructor[ssn]", "!ssn",
	}
	oddNames   = []string{"ssn%", "ssn%u0031", "\ufeffssn", "%EF%BB%BFssn", "ssn%00x", "_charset_", "ssn\n", "%FFssn"}
	formValues = []string{canary, canary, canary + "1", "%43ANARY", canary + "%26x", "1", "", "a+b", "%C3%A9" + canary, "=" + canary}
	oddValues  = []string{canary + "%", "[ssn]=" + canary, "x]=" + canary, canary + "\n", "\xff" + canary, "utf-16"}
	formBits   = []string{"&", ";", "=", "%", "%00", "+", " ", "[", "]", ".", "\x00", "\xff", "\r\n", "\n", "%3D", "%26", "%5B", "%5D", "%", "\ufeff", "&amp;", "?", "#", "%C2", "]=", "ssn", "ssn=" + canary}
)

func formBody(r *rand.Rand) []byte {
	var pairs []string
	for range 1 + r.IntN(5) {
		pair := odd(r, formNames, oddNames)
		if r.IntN(20) > 0 {
			pair += "=" + odd(r, formValues, oddValues)
		}
		pairs = append(pairs, pair)
	}
	if r.IntN(500) == 0 { // readers stop at a thousand pairs
		pairs = append([]string{strings.Repeat("x=1&", 1000+r.IntN(3)) + "y=1"}, pairs...)
	}
	body := strings.Join(pairs, odd(r, []string{"&"}, []string{"&&", ";", "&amp;"}))
	return mutate(r, []byte(body), formBits)
}

// Forms, as the readers of forms, brackets and dots read them.
func TestForms(t *testing.T) {
	requireReaders(t)
	run(t, format{
		name: "form", format: &form.Format, generate: formBody, plain: "ssn=" + canary,
		rules: []string{"$.ssn", "$.user.ssn", "$.list[*].ssn", "$.s_sn", "$.a..ssn"},
		readers: []reader{
			python(t, "form.urllib_qsl", formType), python(t, "form.cgi", formType), python(t, "form.django", formType),
			python(t, "form.werkzeug", formType), python(t, "form.starlette", formType), python(t, "form.multipart", formType),
			node(t, "form.querystring", formType), node(t, "form.urlsearchparams", formType), node(t, "form.qs", formType),
			node(t, "form.qs_dots", formType), node(t, "form.busboy", formType), php(t, "form"), ruby(t, "form", formType),
			inProcess("net/url", func(body []byte) (all []reading) {
				pairs, _ := url.ParseQuery(string(body)) // with an error, the pairs that it could read
				for name, values := range pairs {
					for _, v := range values {
						all = append(all, reading{[]any{name}, v})
					}
				}
				return all
			}),
		},
	})
}
