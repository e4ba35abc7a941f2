package xml

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/codec"
)

// A node is an element or an attribute as encoding/xml reads it.
type node struct {
	local, space string
	attribute    bool
	nth, nthHere int // among siblings with the same local name, and in the same namespace
	text         string
	children     []*node
	elements     bool // there are elements among the children
}

// library reads body with encoding/xml, in strict mode.
func library(body string) (root *node, err error) {
	d := xml.NewDecoder(strings.NewReader(strings.TrimPrefix(body, byteOrderMark)))
	top := &node{}
	stack := []*node{top}
	for {
		t, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		in := stack[len(stack)-1]
		switch t := t.(type) {
		case xml.StartElement:
			n := &node{local: t.Name.Local, space: t.Name.Space}
			for _, c := range in.children {
				if c.local == n.local && !c.attribute {
					n.nth++
					if c.space == n.space {
						n.nthHere++
					}
				}
			}
			for _, a := range t.Attr {
				if a.Name.Space == "xmlns" || a.Name.Space == "" && a.Name.Local == "xmlns" || a.Name.Space == instanceSpace {
					continue
				}
				n.children = append(n.children, &node{local: a.Name.Local, space: a.Name.Space, attribute: true, text: a.Value})
			}
			in.children, in.elements = append(in.children, n), true
			stack = append(stack, n)
		case xml.EndElement:
			stack = stack[:len(stack)-1]
		case xml.CharData:
			if in == top && len(bytes.TrimSpace(t)) > 0 {
				return nil, errors.New("text outside")
			}
			in.text += string(t)
		case xml.Directive:
			return nil, errors.New("a directive")
		}
	}
	if len(top.children) != 1 {
		return nil, errors.New("not one root")
	}
	return top.children[0], nil
}

// naive are what the library does not refuse, found by looking at the bytes.
func naive(body string) bool {
	if strings.Contains(body, "<!DOCTYPE") {
		return false
	}
	at := strings.Index(body, "<?xml ")
	return at <= 0 || at == 3 && strings.HasPrefix(body, byteOrderMark) || strings.Count(body, "<!--") > 0 || strings.Count(body, "<![CDATA[") > 0 || strings.Contains(body, "?>")
}

var fuzzRules = [][]codec.Rule{
	{{Path: "$..a", Unescape: true}},
	{{Path: "$.a.b", Unescape: true}, {Path: "$..['@a']", Unescape: true}},
	{{Path: "$.a.b[1]", Unescape: true}, {Path: "$..['{u}b']", Unescape: true}},
	{{Path: "$.*.*", Unescape: true}},
	{{Path: "$.a.*.b", Unescape: true}, {Path: "$.a['@{u}a']", Unescape: true}},
	{{Path: "$.a[*].b", Unescape: true}},
}

// FuzzXMLGrammar: what the format accepts, encoding/xml accepts too, and both
// read the same values. The result does not depend on the cuts, and what is
// sealed is well-formed and opens to what it was.
func FuzzXMLGrammar(f *testing.F) {
	for i, c := range append(corpus.Bodies, corpus.Refused...) {
		f.Add([]byte(c), uint8(i), uint16(i), uint16(3), i%3 == 0)
	}
	for i, c := range w3cTests(f) {
		if body := doctype.ReplaceAllString(c.body, ""); i%7 == 0 && len(body) < 400 {
			f.Add([]byte(body), uint8(i), uint16(i), uint16(5), false)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, rules uint8, first, second uint16, tight bool) {
		body := string(data)
		set := fuzzRules[int(rules)%len(fuzzRules)]
		sel := mustSelect(t, set).Guarded(codec.Guard{Envelope: isHead})
		limits := codec.Limits{Depth: 1000}
		if tight {
			limits = codec.Limits{ValueBytes: 6, Depth: 3, Fields: 3, NameBytes: 5, BodyBytes: 80}
		}
		var whole []seen
		want, wantErr := rewrite(sel, recording(&whole, keep), limits, body, nil)
		a := int(first) % (len(body) + 1)
		b := a + int(second)%(len(body)-a+1)
		for _, cuts := range [][]int{{a, b}, everywhere(len(body), 1), everywhere(len(body), 3)} {
			var cut []seen
			got, err := rewrite(sel, recording(&cut, keep), limits, body, cuts)
			if got != want || fmt.Sprint(err) != fmt.Sprint(wantErr) || err == nil && fmt.Sprint(cut) != fmt.Sprint(whole) {
				t.Fatalf("%q cut at %v: %q, %v, fields %v\nwhole: %q, %v, fields %v", body, cuts, got, err, cut, want, wantErr, whole)
			}
		}
		if wantErr != nil {
			return
		}
		if want != body || !naive(body) {
			t.Fatalf("%q became %q", body, want)
		}
		root, err := library(body)
		if err != nil {
			if strings.Contains(err.Error(), "invalid XML name") || strings.Contains(err.Error(), "invalid character entity") {
				return // it knows the names of an older edition of XML only
			}
			t.Fatalf("%q: the library says %v", body, err)
		}
		checkValues(t, set, root, body, whole)
		checkRoundTrip(t, set, body)
	})
}

// checkRoundTrip seals and opens body without Unescape.
func checkRoundTrip(t *testing.T, set []codec.Rule, body string) {
	exact := append([]codec.Rule(nil), set...)
	for i := range exact {
		exact[i].Unescape = false
	}
	sel := mustSelect(t, exact)
	sealed, err := rewrite(sel, sealing, codec.Limits{Depth: 1000}, body, nil)
	if e, ok := errors.AsType[*codec.Error](err); ok && e.Code == codec.WrongKind {
		return // null
	}
	if err != nil {
		t.Fatalf("%q: %v", body, err)
	}
	if _, err := library(sealed); err != nil && !strings.Contains(err.Error(), "invalid XML name") {
		t.Fatalf("%q was sealed as %q: %v", body, sealed, err)
	}
	if back, err := rewrite(sel, opening, codec.Limits{Depth: 1000}, sealed, everywhere(len(sealed), 5)); err != nil || back != body {
		t.Fatalf("%q was sealed as %q, and came back as %q, %v", body, sealed, back, err)
	}
}
