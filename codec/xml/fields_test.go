package xml

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/codec"
)

// describe lists what a Transform has seen.
func describe(fields []seen) string {
	var s []string
	for _, f := range fields {
		kind := map[codec.Kind]string{codec.Text: "text", codec.Raw: "raw"}[f.Kind]
		v := f.Value
		if f.Kind == codec.Raw {
			kind, v = fmt.Sprint(kind, v[0]), v[1:]
		}
		s = append(s, fmt.Sprintf("%d %s %s", f.Rule, kind, v))
	}
	return strings.Join(s, "|")
}

// A fieldCase is a body, and what a Transform is given of it.
type fieldCase struct{ body, want string }

func checkFields(t *testing.T, sel *codec.Selector, cases []fieldCase) {
	t.Helper()
	for _, tc := range cases {
		for _, step := range []int{len(tc.body) + 1, 1, 3} {
			var fields []seen
			got, err := rewrite(sel, recording(&fields, keep), codec.Limits{}, tc.body, everywhere(len(tc.body), step))
			if err != nil || got != tc.body {
				t.Errorf("%s by %d: %s, %v", tc.body, step, got, err)
			} else if got := describe(fields); got != tc.want {
				t.Errorf("%s by %d:\n got %s\nwant %s", tc.body, step, got, tc.want)
			}
		}
	}
}

// TestFields: which kind a value has, and what its bytes are.
func TestFields(t *testing.T) {
	checkFields(t, mustSelect(t, []codec.Rule{{Path: "$.r.a"}, {Path: "$.r.u", Unescape: true}, {Path: "$.r['@a']"}, {Path: "$.r['@u']", Unescape: true}, {Path: "$.r.o", Open: true}}), []fieldCase{
		{`<r><a>x</a></r>`, `0 text x`},
		{`<r><a>x</a><b>y</b><a>z</a></r>`, `0 text x|0 text z`},
		{`<r><a></a><a> </a></r>`, "0 text |0 text  "},
		{`<r><a>a&amp;b&lt;c&gt;d&#xD;</a></r>`, "0 text a&b<c>d\r"},
		{`<r><a>&#38;</a><a>&#xd;</a><a>&#x31;</a><a>&quot;</a></r>`, `0 raw1 &#38;|0 raw1 &#xd;|0 raw1 &#x31;|0 raw1 &quot;`},
		{`<r><a>></a><a>1<![CDATA[2]]></a></r>`, `0 raw1 >|0 raw1 1<![CDATA[2]]>`},
		{"<r><a>\r\n</a><a>\n\t</a></r>", "0 raw1 \r\n|0 text \n\t"},
		{`<r><a><b/></a><a>x<b>y</b></a></r>`, `0 raw1 <b/>|0 raw1 x<b>y</b>`},
		{`<r><a><a>inner</a></a></r>`, `0 raw1 <a>inner</a>`},
		{"<r><u>&#x31;<![CDATA[<2>]]>\r\n3\r4</u></r>", "1 text 1<2>\n3\n4"},
		{`<r><u><b>&#x31;</b></u></r>`, `1 raw1 <b>&#x31;</b>`},
		{`<r><o>s&#109;1.x</o></r>`, `4 text sm1.x`},
		{`<r a="x"/>`, `2 text x`},
		{`<r a="" u=''/>`, `2 text |3 text `},
		{`<r a="'"/>`, `2 text '`}, {`<r a='"'/>`, `2 text "`}, {`<r a='>'/>`, `2 text >`},
		{`<r a="&quot;&amp;&lt;&#x9;&#xA;&#xD;"/>`, "2 text \"&<\t\n\r"},
		{`<r a='&apos;'/>`, `2 text '`}, {`<r a='&quot;'/>`, `2 raw3 &quot;`}, {`<r a="&apos;"/>`, `2 raw2 &apos;`}, {`<r a="&gt;"/>`, `2 raw2 &gt;`},
		{"<r a=\"1\t2\n3\r\n4\"/>", "2 raw2 1\t2\n3\r\n4"}, {"<r u=\"1\t2\n3\r\n4&#xA;\"/>", "3 text 1 2 3 4\n"},
		{"<r  u = '1'\n a\t=\r\n\"2\" ><a>3</a ></r >", `3 text 1|2 text 2|0 text 3`},
	})
}

// TestNames: which element and attribute a rule owns.
func TestNames(t *testing.T) {
	for _, tc := range []struct {
		rules []string
		cases []fieldCase
	}{
		{[]string{"$.r.ssn", "$.r['{u}ssn']", "$.r['{}card']", "$.r['@id']", "$.r['@{u}id']"}, []fieldCase{
			{`<r><ssn>1</ssn></r>`, `0 text 1`},
			{`<r xmlns="u"><ssn>1</ssn></r>`, `1 text 1`},
			{`<r><a:ssn xmlns:a="u">1</a:ssn><ssn>2</ssn><b:ssn xmlns:b="v">3</b:ssn></r>`, `1 text 1|0 text 2|0 text 3`},
			{`<x:r xmlns:x="u"><ssn>1</ssn><x:ssn>2</x:ssn><x:ssn xmlns:x="v">3</x:ssn><x:ssn>4</x:ssn></x:r>`, `0 text 1|1 text 2|0 text 3|1 text 4`},
			{`<r xmlns="u"><ssn xmlns="">1</ssn><ssn xmlns="v">2</ssn><ssn>3</ssn></r>`, `0 text 1|0 text 2|1 text 3`},
			{`<r xmlns="&#117;"><ssn>1</ssn></r>`, `1 text 1`},
			{`<r xmlns="u"><card>1</card><card xmlns="">2</card></r>`, `2 text 2`}, {`<r><card>1</card></r>`, `2 text 1`},
			{`<r xmlns="u" id="1"/>`, `3 text 1`}, {`<r xmlns:u="u" u:id="1" id="2"/>`, `4 text 1|3 text 2`}, {`<r u:id="1" xmlns:u="u"/>`, `4 text 1`},
			{`<r xml:id="1"/>`, `3 text 1`}, {`<r xmlns="v" xmlns:id="u"/>`, ``}, {`<ssn>1</ssn>`, ``}, {`<r><SSN>1</SSN><x><ssn>1</ssn></x></r>`, ``},
		}},
		{[]string{"$.Envelope.Body..['{urn:a}ssn']", "$..Body.*.pin"}, []fieldCase{
			{`<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Header><ssn xmlns="urn:a">no</ssn></s:Header><s:Body><x><a:ssn xmlns:a="urn:a">1</a:ssn><pin>2</pin></x></s:Body></s:Envelope>`, `0 text 1|1 text 2`},
		}},
		{[]string{"$.r.i[1]", "$.r.i[0].x", "$.r.l[*]", "$.r.m.*", "$.r['{u}n'][1]"}, []fieldCase{
			{`<r><i>a</i><j>-</j><i>b</i><i>c</i></r>`, `0 text b`},
			{`<r><i><x>a</x></i><i><x>b</x></i></r>`, `1 text a|0 raw1 <x>b</x>`},
			{`<r><p:i xmlns:p="u">a</p:i><i>b</i></r>`, `0 text b`},
			{`<r><l>a</l><l><b>c</b></l></r>`, `2 text a|2 raw1 <b>c</b>`},
			{`<r><m><a>1</a><b>2</b></m><m>3</m><m k="4"/></r>`, `3 text 1|3 text 2|3 text 4`},
			{`<r xmlns:u="u"><n>1</n><u:n>2</u:n><u:n>3</u:n><n>4</n></r>`, `4 text 3`},
		}},
		{[]string{"$..['@pin']", "$..secret"}, []fieldCase{
			{`<r pin="1"><a pin="2"><secret pin="3">4<b pin="5"/></secret></a></r>`, `0 text 1|0 text 2|0 text 3|1 raw1 4<b pin="5"/>`},
		}},
		{[]string{"$.*"}, []fieldCase{{`<r a="1">2</r>`, `0 text 2`}}},
		{[]string{"$.r.ssn", "$.r['@id']", "$..list.item[1]", "$.r['{u}card']"}, []fieldCase{ // an attribute is like an element to some readers
			{`<r ssn="1" u:ssn='2' xmlns:u="u"><id>3</id><x ssn="-"><id>-</id></x></r>`, `0 text 1|0 text 2|1 text 3`},
			{`<r><list item="1"><item>-</item><item>2</item></list><id k="-"><b>3</b></id></r>`, `2 text 1|2 text 2|1 raw1 <b>3</b>`},
			{`<r card="-" u:card="-" xmlns:u="u"/>`, ``}, {`<r SSN="-" xmlns:ssn="u"/>`, ``},
		}},
		{[]string{"$.r.ssn", "$.r['@ssn']", "$.r.x.ssn"}, []fieldCase{{`<r ssn="1"><ssn>2</ssn><x ssn="3"/></r>`, `1 text 1|0 text 2|2 text 3`}}},
		{[]string{"$.r.*"}, []fieldCase{
			{`<r a="1" xml:lang="en"` + xsi + ` xsi:type="t" xsi:x="y"><b c="-">2</b></r>`, `0 text 1|0 text en|0 text y|0 text 2`},
		}},
		{[]string{"$[*].a", "$[0].b"}, []fieldCase{{`<r><a>1</a><b>2</b></r>`, `0 text 1`}}},
	} {
		var rules []codec.Rule
		for _, path := range tc.rules {
			rules = append(rules, codec.Rule{Path: path})
		}
		checkFields(t, mustSelect(t, rules), tc.cases)
	}
	checkFields(t, mustFold(t, []codec.Rule{{Path: "$.r.SSN"}, {Path: "$.r['@{U}Id']"}}), []fieldCase{
		{`<R><sSn>1</sSn></R>`, `0 text 1`}, {`<r xmlns:p="u" p:ID="1"/>`, `1 text 1`}, {"<r><\u017f\u017fN>1</\u017f\u017fN></r>", `0 text 1`},
	})
}

// TestNull: an empty element and xsi:nil are null, which has no place for a
// value.
func TestNull(t *testing.T) {
	sel := mustSelect(t, []codec.Rule{{Path: "$.r.a"}})
	for body, null := range map[string]bool{
		`<r><a/></r>`: true, `<r><a b="1" /></r>`: true, `<r` + xsi + `><a xsi:nil="true"/></r>`: true,
		`<r` + xsi + `><a xsi:nil="true"></a></r>`: true, `<r` + xsi + `><a xsi:nil=" &#x31; "></a></r>`: true,
		`<r><a></a></r>`: false, `<r` + xsi + `><a xsi:nil="false"></a></r>`: false, `<r` + xsi + `><a xsi:nil="true">1</a></r>`: false, `<r><a nil="true"></a></r>`: false,
	} {
		for _, step := range []int{100, 1} {
			var nulls []bool
			see := func(dst []byte, b []codec.Field) ([]byte, codec.Kind, error) {
				nulls = append(nulls, b[0].Null)
				return dst, 0, codec.ErrKeep
			}
			got, err := rewrite(sel, see, codec.Limits{}, body, everywhere(len(body), step))
			if err != nil || got != body || fmt.Sprint(nulls) != fmt.Sprint([]bool{null}) {
				t.Errorf("%s: %s, %v, null %v", body, got, err, nulls)
			}
			_, err = rewrite(sel, sealing, codec.Limits{}, body, everywhere(len(body), step))
			if e, ok := errors.AsType[*codec.Error](err); null != (ok && e.Code == codec.WrongKind && strings.Contains(e.Detail, "null")) {
				t.Errorf("%s sealed: %v", body, err)
			}
		}
	}
}
