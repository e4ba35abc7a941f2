package canary

import (
	"bytes"
	"io"
	"math/rand/v2"
	stdmultipart "mime/multipart"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/multipart"
)

const (
	boundary      = "XbX"
	multipartType = "multipart/form-data; boundary=" + boundary
)

var (
	partHeads = []string{
		`Content-Disposition: form-data; name="ssn"`, `Content-Disposition: form-data; name="ssn"`, `Content-Disposition: form-data; name="user[ssn]"`,
		`content-disposition: form-data; name="user.ssn"`, `Content-Disposition: form-data; name="note"`, `Content-Disposition: form-data; name="ssn"; filename="a"`,
		"Content-Disposition: form-data; name=\"ssn\"\r\nContent-Type: text/plain", `Content-Disposition: form-data; name="SSN"`,
		"Content-Disposition: form-data; name=\"ssn\"\r\nContent-Transfer-Encoding: binary", "Content-Transfer-Encoding: 8bit\r\nContent-Disposition: form-data; name=\"ssn\"",
		"Content-Disposition: form-data; name=\"note\"; filename=\"a\"\r\nContent-Transfer-Encoding: 7bit", `Content-Disposition: form-data; name=ssn; filename=a; filename*=utf-8''a`,
		"Content-Disposition: form-data; name=\"ssn\"\r\nContent-Type: text/plain; charset=ISO-8859-1", "Content-Type: text/plain; charset=us-ascii\r\nContent-Disposition: form-data; name=\"ssn\"",
		`Content-Disposition: form-data; name="ssn"; filename="=?utf-8?B?w7w=?="; filename*=utf-8''%C3%BC`, "Content-Disposition: form-data; name=\"ssn\"\r\nContent-Length: 6",
	}
	oddPartHeads = []string{
		`Content-Disposition: form-data; name=ssn`, `Content-Disposition: form-data; name='ssn'`, `Content-Disposition: form-data; name="s\sn"`,
		`Content-Disposition: form-data; name="ss%6E"`, `Content-Disposition: form-data; name="x"; name="ssn"`, `Content-Disposition: form-data; name*=utf-8''ssn`,
		`Content-Disposition: form-data; filename="a"; name="ssn"`, `Content-Disposition: form-data; name="ssn"; filename*=utf-8''a`,
		"Content-Disposition: form-data; name=\"x\"\r\nContent-Disposition: form-data; name=\"ssn\"", "Content-Disposition: form-data;\r\n name=\"ssn\"",
		"Content-Disposition: form-data; name=\"ssn\"\r\nContent-Transfer-Encoding: base64", "Content-Disposition: form-data; name=\"ssn\"\r\nContent-Type: text/plain; charset=utf-7",
		`Content-Disposition: form-data; name="note"; filename="x; ssn"`, `Content-Disposition: form-data; name="note"; filename="x; name =ssn"`,
		`Content-Disposition : form-data; name="ssn"`, `Content-Disposition: attachment; name="ssn"`, "X: y\nContent-Disposition: form-data; name=\"ssn\"",
		"Content-Disposition: form-data; name=\"ssn\x00x\"", `Content-Disposition: form-data; name=" ssn"`, `Content-Disposition: form-data; name="_charset_"`,
		`Content-Disposition: form-data; name = "ssn"`, `Content-Disposition: form-data; NAME="ssn"`, `Content-Disposition: form-data name="ssn"`,
	}
	partBodies    = []string{canary, canary, canary + "\r\n", "\r\n" + canary, "x", "", "a\nb", canary + "\r\n--XbY"}
	oddPartBodies = []string{"Q0FOQVJZ", "=43ANARY", "\xff" + canary, canary + "\x00", canary + "\n--" + boundary + "\n", "--" + boundary + canary}
	partBits      = []string{"\r\n", "\n", "\r", "--", "-", boundary, "--" + boundary, "\r\n--" + boundary, "\r\n--" + boundary + "--", " ", "\t", "\x00", ";", `"`, `\`, ":", "="}
)

func multipartBody(r *rand.Rand) []byte {
	var b strings.Builder
	b.WriteString(odd(r, []string{"", ""}, []string{"\r\n", "preamble\r\n", "--\r\n", "\n"}))
	for range 1 + r.IntN(4) {
		b.WriteString("--" + boundary + odd(r, []string{"\r\n"}, []string{"\n", " \r\n", "--\r\n", "x\r\n", "\t\r\n", "\r"}))
		b.WriteString(odd(r, partHeads, oddPartHeads) + odd(r, []string{"\r\n\r\n"}, []string{"\n\n", "\r\n\n", "\r\n", "\r\n \r\n"}))
		b.WriteString(odd(r, partBodies, oddPartBodies) + odd(r, []string{"\r\n"}, []string{"\n", "", "\r"}))
	}
	b.WriteString(odd(r, []string{"--" + boundary + "--\r\n", "--" + boundary + "--"}, []string{"", "--" + boundary, "--" + boundary + "-", "--" + boundary + "--x", "--" + boundary + "--\r\n" + canary}))
	return mutate(r, []byte(b.String()), partBits)
}

// Multipart forms, as servers read them.
func TestMultipart(t *testing.T) {
	requireReaders(t)
	f := multipart.New(nil)
	run(t, format{
		name: "multipart", format: &f, body: codec.Body{Params: "boundary=" + boundary}, generate: multipartBody,
		plain: "--" + boundary + "\r\n" + partHeads[0] + "\r\n\r\n" + canary + "\r\n--" + boundary + "--\r\n",
		rules: []string{"$.ssn", "$.user.ssn"},
		readers: []reader{
			python(t, "form.django", multipartType), python(t, "form.werkzeug", multipartType), python(t, "form.starlette", multipartType),
			python(t, "form.multipart", multipartType), python(t, "form.cgi", multipartType), python(t, "form.email", multipartType),
			node(t, "form.busboy", multipartType), node(t, "form.formidable", multipartType), java(t, "form.fileupload", multipartType),
			ruby(t, "form", multipartType), phpUpload(t, multipartType),
			inProcess("mime/multipart", func(body []byte) (all []reading) {
				parts := stdmultipart.NewReader(bytes.NewReader(body), boundary)
				for {
					p, err := parts.NextPart()
					if err != nil {
						return all
					}
					text, _ := io.ReadAll(p) // with an error, what it could read
					all = append(all, reading{[]any{p.FormName()}, string(text)})
				}
			}),
		},
	})
}
