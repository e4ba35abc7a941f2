package multipart

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/codectest"
	"github.com/sealmesh/sealmesh/codec/csv"
	"github.com/sealmesh/sealmesh/codec/json"
	"github.com/sealmesh/sealmesh/codec/xml"
)

// format reads documents of JSON, CSV and XML.
var format = New(codec.Table{&json.Format, &csv.Format, &xml.Format})

// boundary is that of the bodies of these tests.
const (
	boundary = "XyZ-1"
	params   = codec.Params("boundary=" + boundary)
	closing  = "--" + boundary + "--\r\n"
)

// field, file, typed and onePart write a part.
func field(name, value string) string { return onePart(`name="`+name+`"`, "", value) }

func file(name, media, value string) string {
	return onePart(`name="`+name+`"; filename="a.bin"`, "Content-Type: "+media+"\r\n", value)
}

func typed(name, media, value string) string {
	return onePart(`name="`+name+`"`, "Content-Type: "+media+"\r\n", value)
}

func onePart(disposition, headers, value string) string {
	return fmt.Sprintf("--%s\r\nContent-Disposition: form-data; %s\r\n%s\r\n%s\r\n", boundary, disposition, headers, value)
}

// formOf joins parts.
func formOf(parts ...string) string { return strings.Join(parts, "") + closing }

// A rewriting is what a body is run through.
type rewriting struct {
	sel      *codec.Selector
	tr       codec.Transform
	limits   codec.Limits
	settings map[string]string
	params   codec.Params // params, if empty
}

func (r rewriting) run(body string, cuts []int) (string, error) {
	b := codec.Body{Transform: r.tr, Limits: r.limits, Method: "POST", Params: params}
	if r.params != "" {
		b.Params = r.params
	}
	if r.sel != nil {
		checked, err := format.Check(r.sel, codec.Options{Settings: r.settings})
		if err != nil {
			return "", err
		}
		b.At, b.Checked = r.sel.Root(), checked
	}
	w, err := format.New(b)
	if err != nil {
		return "", err
	}
	defer w.Free()
	var out codec.Output
	defer out.Reset()
	at := 0
	for _, end := range append(cuts, len(body)) {
		if err := w.Write(&out, []byte(body[at:end])); err != nil {
			return "", err
		}
		at = end
	}
	if err := w.Close(&out); err != nil {
		return "", err
	}
	return string(bytes.Join(out.Segments(), nil)), nil
}

func rules(t testing.TB, paths ...string) *codec.Selector {
	t.Helper()
	var all []codec.Rule
	for _, p := range paths {
		all = append(all, codec.Rule{Path: p})
	}
	return codectest.Select(t, all...)
}
