package xml

import (
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/codectest"
)

const soap = `<?xml version="1.0" encoding="utf-8"?>
<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:p='urn:people'>
  <soap:Header><p:trace id="7"/></soap:Header>
  <soap:Body>
    <p:GetPerson><p:ssn>123-45-6789</p:ssn><p:card xsi:nil="false">4111 &amp; 1</p:card></p:GetPerson>
  </soap:Body>
</soap:Envelope>
`

var corpus = codectest.Corpus{
	Rules: []codec.Rule{
		{Path: "$.r.ssn"}, {Path: "$..email"}, {Path: "$.r.list.item[1]"}, {Path: "$.r.list.item.x"},
		{Path: "$.r.look", Unescape: true}, {Path: "$.r['{urn:a}odd']"}, {Path: "$.r.any.*"}, {Path: "$.r['@id']"},
		{Path: "$..Body.GetPerson.ssn"}, {Path: "$..Body..card"}, {Path: "$.r.p['@{urn:a}k']"},
	},
	Bodies: []string{
		`<r/>`, ` <r></r> `, "<?xml version='1.0'?>\r\n<r\r\n/>\n", `<a:r xmlns:a="urn:a"/>`,
		`<r><ssn>123-45-6789</ssn></r>`,
		"\r\n<r >\t<ssn>a</ssn\n><ssn a='1' b=\"2\">b</ssn><ssn></ssn></r>",
		`<r><s>decoy</s><ssn>a &amp; b &lt; c &gt; d&#xD;</ssn><ssn>a>b</ssn><ssn>&#65;</ssn><ssn>&quot;</ssn></r>`,
		"<r><ssn>a\r\nb\rc</ssn><ssn><![CDATA[<x>&]]]></ssn><ssn>1<![CDATA[2]]>3</ssn></r>",
		"<r><look>a\r\nb&#65;</look><look><![CDATA[<x>]]]]><![CDATA[>]]></look><look><x>&#65;</x></look></r>",
		`<r>]]<a/>>]]<a>]]</a>>]<!-- -->]>]]<![CDATA[]]>><a>]]</a >></r>`, `<r><ssn>]]</ssn>]]&gt;]></r>`,
		`<r id="plain"><ssn>1</ssn></r>`, `<r id='it&apos;s "q"'/>`, `<r id='&#65;'/>`, "<r id=\"a\tb\r\nc\"/>", "<r id='\"&#x9;&#xA;'/>",
		`<r id=""/>`, `<r><p xmlns:a="urn:a" xmlns:b="urn:b" a:k="1" b:k="2" k="3"/></r>`,
		`<r><email><a>deep</a> text <b x="1"/></email><c><email>e</email></c></r>`,
		`<r xmlns:p="urn:p"><email><p:a>deep</p:a><q:b xmlns:q="urn:q" q:x="" p:y=""/></email></r>`,
		`<r><list><item>a</item><item>b</item><item><x>in</x></item></list></r>`,
		`<r xmlns:a="urn:a"><a:odd>v</a:odd><odd>w</odd><odd xmlns="urn:a">u</odd></r>`,
		`<r><any><a>1</a><b><c/></b></any></r>`,
		`<r><!-- a - > --><?pi data??><ssn>x</ssn><!----><?p?></r><!-- end --><?end x?>`,
		"\ufeff<r><ssn>after a byte order mark é漢😀</ssn></r>",
		`<r pad="` + strings.Repeat("long ", 300) + `"><email>` + strings.Repeat("e", 600) + `</email>` + strings.Repeat("<n>1.5</n>\n", 200) + `</r>`,
		`<é漢:r xmlns:é漢="urn:x" é漢:ü="1"><ssn>😀</ssn></é漢:r>`,
		`<r><email>` + strings.Repeat(codectest.Canary, 200) + `</email></r>`,
		`<r><a href="#id"/></r>`, `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><a href="http://x/#id" s:href="#"/></s:Envelope>`,
		soap, strings.ReplaceAll(soap, "\n", "\r\n"),
	},
	Value:  func(n int) string { return `<r><ssn>` + strings.Repeat("v", n) + `</ssn></r>` },
	Nested: func(n int) string { return strings.Repeat("<r>", n) + strings.Repeat("</r>", n) },
	Many:   func(n int) string { return `<r>` + strings.Repeat(`<email>x</email>`, n) + `</r>` },
	Named:  func(n int) string { return `<` + strings.Repeat("n", n) + `/>` },
	Pad:    func(body string, n int) string { return body + strings.Repeat(" ", n) },
	Positions: []codec.Position{
		codec.XMLContent, codec.XMLDoubleAttribute, codec.XMLSingleAttribute,
	},
	Refused: refusedBodies(),
}

// refusedBodies are those of [refusals].
func refusedBodies() (bodies []string) {
	for _, r := range refusals {
		bodies = append(bodies, r.body)
	}
	return bodies
}

func TestConformance(t *testing.T) { codectest.Run(t, &Format, corpus) }
