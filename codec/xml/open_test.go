package xml

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/codec"
)

// TestReplacements: what a Transform returns, and how it is written.
func TestReplacements(t *testing.T) {
	raw := func(p codec.Position, v string) string { return string(rune(p)) + v }
	const content, double, single = codec.XMLContent, codec.XMLDoubleAttribute, codec.XMLSingleAttribute
	for _, tc := range []struct {
		at   codec.Position
		kind codec.Kind
		text string
		want string // "-": codec.WrongKind
	}{
		{content, codec.Text, ``, ``}, {content, codec.Text, `abc`, `abc`}, {content, codec.Text, "a&b<c>d\r\n\t\"'", "a&amp;b&lt;c&gt;d&#xD;\n\t\"'"}, {content, codec.Text, `]]>`, `]]&gt;`}, {content, codec.Text, `<!---->`, `&lt;!----&gt;`},
		{content, codec.Text, "é漢😀\u0085\u2028", "é漢😀\u0085\u2028"}, {content, codec.Text, strings.Repeat("<", 5000), strings.Repeat("&lt;", 5000)}, {content, codec.Text, strings.Repeat("x", 5000), strings.Repeat("x", 5000)},
		{content, codec.Text, "\x00", `-`}, {content, codec.Text, "a\x1b", `-`}, {content, codec.Text, "\xff", `-`}, {content, codec.Text, "\xed\xa0\x80", `-`}, {content, codec.Text, "\uffff", `-`}, {content, codec.Text, "abc\xc3", `-`},
		{double, codec.Text, "a&b<c>d\r\n\t\"'", "a&amp;b&lt;c>d&#xD;&#xA;&#x9;&quot;'"}, {single, codec.Text, "a&b<c>d\r\n\t\"'", "a&amp;b&lt;c>d&#xD;&#xA;&#x9;\"&apos;"}, {double, codec.Text, `" x="1`, `&quot; x=&quot;1`}, {double, codec.Text, "\x01", `-`},
		{content, codec.Literal, `1`, `1`}, {content, codec.Literal, `-0.0e+0`, `-0.0e+0`}, {content, codec.Literal, `true`, `true`}, {content, codec.Literal, `"a\u003cb\n"`, "a&lt;b\n"}, {double, codec.Literal, `"\"\n"`, `&quot;&#xA;`},
		{content, codec.Literal, `null`, `-`}, {content, codec.Literal, `{}`, `-`}, {content, codec.Literal, `[1]`, `-`}, {content, codec.Literal, `"\ud800"`, `-`}, {content, codec.Literal, `"\u0000"`, `-`}, {content, codec.Literal, `1 `, `-`}, {content, codec.Literal, ``, `-`},
		{content, codec.Bytes, `abc`, `-`}, {content, codec.Kind(7), `abc`, `-`}, {content, codec.Raw, ``, `-`},
		{content, codec.Raw, raw(content, ``), ``}, {content, codec.Raw, raw(content, `<a>&#65;<![CDATA[x]]></a>`), `<a>&#65;<![CDATA[x]]></a>`}, {content, codec.Raw, raw(content, `x<p:a p:b=""/>`), `x<p:a p:b=""/>`}, {content, codec.Raw, raw(content, `<q:a xmlns:q="u"/>`), `<q:a xmlns:q="u"/>`},
		{content, codec.Raw, raw(content, `<q:a/>`), `-`}, {content, codec.Raw, raw(content, `<a>`), `-`}, {content, codec.Raw, raw(content, `</a>`), `-`}, {content, codec.Raw, raw(content, `</v><v>`), `-`}, {content, codec.Raw, raw(content, `<a></b>`), `-`}, {content, codec.Raw, raw(content, `<a`), `-`},
		{content, codec.Raw, raw(content, `x<!-- -->`), `-`}, {content, codec.Raw, raw(content, `<?p?>`), `-`}, {content, codec.Raw, raw(content, `&e;`), `-`}, {content, codec.Raw, raw(content, `&am`), `-`}, {content, codec.Raw, raw(content, `]]>`), `-`}, {content, codec.Raw, raw(content, "\xc3"), `-`}, {content, codec.Raw, raw(content, `<![CDATA[`), `-`},
		{content, codec.Raw, raw(content, `<!DOCTYPE a>`), `-`}, {content, codec.Raw, raw(content, `<x:include xmlns:x="http://www.w3.org/2001/XInclude"/>`), `-`}, {content, codec.Raw, raw(content, strings.Repeat("<a>", 300)+strings.Repeat("</a>", 300)), `-`}, {content, codec.Raw, raw(content, `<a p:x="" o:x=""/>`), `-`},
		{content, codec.Raw, raw(double, `x`), `-`}, {double, codec.Raw, raw(content, `x`), `-`}, {double, codec.Raw, raw(single, `x`), `-`}, {single, codec.Raw, raw(double, `x`), `-`}, {content, codec.Raw, raw(codec.CSVField, `x`), `-`},
		{double, codec.Raw, raw(double, "a\t&#65;'é"), "a\t&#65;'é"}, {single, codec.Raw, raw(single, `"`), `"`}, {double, codec.Raw, raw(double, ``), ``},
		{double, codec.Raw, raw(double, `"`), `-`}, {single, codec.Raw, raw(single, `'`), `-`}, {double, codec.Raw, raw(double, `<`), `-`}, {double, codec.Raw, raw(double, `&am`), `-`}, {double, codec.Raw, raw(double, `&`), `-`}, {double, codec.Raw, raw(double, "\xe6\xbc"), `-`}, {double, codec.Raw, raw(double, "x\x00"), `-`},
		{content, codec.Raw, raw(content, strings.Repeat("<a/>", 2000)), strings.Repeat("<a/>", 2000)},
	} {
		tr := func(dst []byte, _ []codec.Field) ([]byte, codec.Kind, error) {
			return append(dst, tc.text...), tc.kind, nil
		}
		sel := mustSelect(t, []codec.Rule{{Path: "$.r.v"}, {Path: "$.r.w['@v']"}})
		before, after := `<r xmlns:p="u" xmlns:o="v"><v>`, `</v><x/></r>`
		switch tc.at {
		case double:
			before, after = `<r><w v="`, `" b=""/></r>`
		case single:
			before, after = `<r><w v = '`, `'/></r>`
		}
		for _, step := range []int{100, 1} {
			body := before + "old" + after
			got, err := rewrite(sel, tr, codec.Limits{}, body, everywhere(len(body), step))
			if tc.want == "-" {
				if e, ok := errors.AsType[*codec.Error](err); !ok || e.Code != codec.WrongKind || e.Offset != int64(len(before)) {
					t.Errorf("%d, %d %.60q: %.90q, %v", tc.at, tc.kind, tc.text, got, err)
				}
			} else if want := before + tc.want + after; err != nil || got != want {
				t.Errorf("%d, %d %.60q: got %.90q, %v", tc.at, tc.kind, tc.text, got, err)
			}
		}
	}
}

// TestScopes: raw content may use the prefixes that are declared where it is
// opened, and no others, also when they have gone out of scope since.
func TestScopes(t *testing.T) {
	sel := mustSelect(t, []codec.Rule{{Path: "$..v"}})
	put := func(dst []byte, _ []codec.Field) ([]byte, codec.Kind, error) {
		return append(dst, "\x01<p:a/>"...), codec.Raw, nil
	}
	for body, ok := range map[string]bool{
		`<r xmlns:p="u"><v>-</v></r>`: true, `<r><v xmlns:p="u">-</v></r>`: true, `<r><a xmlns:p="u"><v>-</v></a></r>`: true, `<r xmlns:p="u"><a xmlns:p="v"/><v>-</v></r>`: true,
		`<r><v>-</v></r>`: false, `<r><a xmlns:p="u"/><v>-</v></r>`: false, `<r><a xmlns:p="u"><v>-</v></a><v>-</v></r>`: false, `<r><v>-</v><a xmlns:p="u"><v>-</v></a></r>`: false, `<r xmlns:q="u"><v>-</v></r>`: false,
	} {
		for _, step := range []int{100, 1, 7} {
			_, err := rewrite(sel, put, codec.Limits{}, body, everywhere(len(body), step))
			if e, wrong := errors.AsType[*codec.Error](err); ok != (err == nil) || !ok && (!wrong || e.Code != codec.WrongKind) {
				t.Errorf("%s by %d: %v", body, step, err)
			}
		}
	}
}

// TestLimits: the limits that are constants hold, however the body is cut.
func TestLimits(t *testing.T) {
	attributes := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, ` a%d=""`, i)
		}
		return `<r` + b.String() + `/>`
	}
	declarations := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `<a xmlns:p="u%d">`, i)
		}
		return b.String() + strings.Repeat(`</a>`, n)
	}
	prefixes := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `<a xmlns:p%d="u"/>`, i)
		}
		return `<r>` + b.String() + `</r>`
	}
	tag := func(n int) string { return `<r a="` + strings.Repeat("x", n-len(`<r a=""/>`)) + `"/>` }
	nested := func(n int) string { // names that together have 256 times as many bytes
		name := strings.Repeat("n", n)
		return strings.Repeat("<"+name+">", 256) + strings.Repeat("</"+name+">", 256)
	}
	spaces := func(n int) string { return `<r xmlns="` + strings.Repeat("u", n) + `"/>` }
	target := func(n int) string { return `<?` + strings.Repeat("t", n) + `?><r/>` }
	reference := func(n int) string { return `<r>&#` + strings.Repeat("0", n-len("&#65;")) + `65;</r>` }
	sel := mustSelect(t, []codec.Rule{{Path: "$.x"}})
	for name, tc := range map[string]struct {
		body func(int) string
		at   int
	}{
		"attributes": {attributes, maxAttributes}, "declarations": {declarations, maxDeclarations}, "prefixes": {prefixes, maxDeclarations}, "tag": {tag, maxTagBytes},
		"open names": {nested, maxOpenNames / 256}, "namespaces": {spaces, maxNamespaceBytes}, "target": {target, maxTarget}, "reference": {reference, longestReference + 1},
	} {
		at, past := tc.body(tc.at), tc.body(tc.at+1)
		for _, step := range []int{len(past) + 1, 4093, 1} {
			if step == 1 && len(past) > 1<<18 {
				continue
			}
			l := codec.Limits{Depth: 1000}
			if got, err := rewrite(sel, keep, l, at, everywhere(len(at), step)); err != nil || got != at {
				t.Errorf("%s at the limit by %d: %v", name, step, err)
			}
			_, whole := rewrite(sel, keep, l, past, nil)
			_, err := rewrite(sel, keep, l, past, everywhere(len(past), step))
			if err == nil || err.Error() != whole.Error() {
				t.Errorf("%s past the limit by %d: %v, whole %v", name, step, err, whole)
			}
		}
	}
}

// TestHoldsTagsAndValuesOnly: with every byte that comes, all but a tag, a
// reference, a character or the tagged value being read has left.
func TestHoldsTagsAndValuesOnly(t *testing.T) {
	const body = `<r><a b="c">text &amp; é<!-- - x --><?pi ? x?><![CDATA[ ]] ]]></a><ssn>1<b/>2</ssn>z</r>`
	sel := mustSelect(t, []codec.Rule{{Path: "$.r.ssn"}})
	var out codec.Output
	w := newXML(sel, keep, codec.Limits{})
	defer w.Free()
	defer out.Reset()
	value := strings.Index(body, "1<b/>")
	for i := range len(body) {
		if err := w.Write(&out, []byte(body[i:i+1])); err != nil {
			t.Fatal(err)
		}
		held := body[out.Len() : i+1]
		if i >= value && i <= strings.Index(body, "</ssn>")+len("</ssn>")-2 {
			if out.Len() != value {
				t.Errorf("%q is held after %q", held, body[:i+1])
			}
		} else if len(held) > 0 && held[0] != '<' && held[0] != '&' && held[0] < 0x80 {
			t.Errorf("%q is held after %q", held, body[:i+1])
		}
	}
}
