package xml

import (
	"errors"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/codec"
)

const (
	xsi  = ` xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"`
	dsig = ` xmlns:ds="http://www.w3.org/2000/09/xmldsig#"`
)

// refusals are bodies that the format refuses, and a part of the detail.
var refusals = []struct{ body, detail string }{
	{``, "no element"}, {` `, "no element"}, {"\ufeff", "no element"}, {`<!-- -->`, "no element"},
	{`<r>CANARY`, "ends before"}, {`<r><ssn>CANARY</ssn>`, "ends before"}, {`<r`, "ends before"}, {`<r a="CANARY`, "ends before"},
	{`<r><!-- `, "ends before"}, {`<r/><!-- CANARY`, "ends before"}, {`<r/><?`, "ends before"}, {`<`, "ends before"},
	{"\xef\xbb", "ends before"}, {`<?xml version="1.0"`, "ends before"}, {`<r>&am`, "ends before"}, {"<r>\xe6\xbc", "ends before"},
	{"\xef\xbb<r/>", "expected an element"}, {"\ufeff\ufeff<r/>", "no text outside"},

	// Entities, and what brings in text from elsewhere.
	{`<!DOCTYPE r [<!ENTITY e "CANARY">]><r><ssn>&e;</ssn></r>`, "document type"},
	{`<!DOCTYPE r><r/>`, "document type"}, {`<r/><!DOCTYPE r>`, "document type"}, {`<!doctype r><r/>`, "expected a comment"},
	{`<r><ssn>&e;CANARY</ssn></r>`, "not a reference"}, {`<r>&nbsp;</r>`, "not a reference"}, {`<r>&</r>`, "not a reference"}, {`<r>& </r>`, "not a reference"},
	{`<r>&amp</r>`, "not a reference"}, {`<r>&#;</r>`, "not a reference"}, {`<r>&#x;</r>`, "not a reference"}, {`<r>&#X41;</r>`, "not a reference"}, {`<r>&#A;</r>`, "not a reference"},
	{`<r>&#0;</r>`, "not a reference"}, {`<r>&#8;</r>`, "not a reference"}, {`<r>&#xD800;</r>`, "not a reference"}, {`<r>&#xFFFE;</r>`, "not a reference"}, {`<r>&#x110000;</r>`, "not a reference"},
	{`<r>&#x10000000000000041;</r>`, "not a reference"}, {`<r>&#` + strings.Repeat("0", 40) + `65;</r>`, "not a reference"}, {`<r>&AMP;</r>`, "not a reference"},
	{`<r><xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="CANARY"/></r>`, "XInclude"},
	{`<r xmlns:xi="http://www.w3.org/2001/XIncl&#117;de"/>`, "XInclude"}, {`<r xmlns="http://www.w3.org/2003/XInclude"/>`, "XInclude"},

	// Encodings and versions.
	{`<?xml version="1.1"?><r/>`, "XML declaration"}, {`<?xml version="1.0" encoding="UTF-16"?><r/>`, "XML declaration"}, {`<?xml version="1.0" encoding="UTF-7"?><r/>`, "XML declaration"},
	{`<?xml version="1.0" encoding="latin1"?><r/>`, "XML declaration"}, {`<?xml encoding="UTF-8"?><r/>`, "XML declaration"}, {`<?xml version="1.0" standalone="maybe"?><r/>`, "XML declaration"},
	{`<?xml version="1.0" standalone="no" encoding="UTF-8"?><r/>`, "XML declaration"}, {`<?xml version="1.0"encoding="UTF-8"?><r/>`, "XML declaration"}, {`<?xml ?><r/>`, "XML declaration"},
	{`<?xml version="1.0" x="1"?><r/>`, "XML declaration"}, {`<?xml version="1.0` + strings.Repeat(" ", 300) + `"?><r/>`, "XML declaration"}, {`<?xml version='1.0"?><r/>`, "XML declaration"},
	{`<?xml?><r/>`, "not at the beginning"}, {` <?xml version="1.0"?><r/>`, "not at the beginning"}, {`<r/><?xml version="1.0"?>`, "not at the beginning"}, {`<r><?XML CANARY?></r>`, "not at the beginning"},
	{"\xfe\xff\x00<\x00r", "UTF-16"}, {"\xff\xfe<\x00r\x00", "UTF-16"}, {"\x00<\x00r", "expected no text"}, {"<\x00r\x00/\x00>\x00", "name of an element"},

	// Namespaces.
	{`<a:r/>`, "not declared"}, {`<r a:x="CANARY"/>`, "not declared"}, {`<r><a xmlns:p="u"/><p:b/></r>`, "not declared"}, {`<p:r xmlns:q="u"/>`, "not declared"},
	{`<::e/>`, "name of an element"}, {`<a:b:c xmlns:a="u"/>`, "name of an element"}, {`<:a/>`, "name of an element"}, {`<a:/>`, "name of an element"}, {`<a:1 xmlns:a="u"/>`, "name of an element"},
	{`<r x="1" x="CANARY"/>`, "twice"}, {`<r xmlns:a="u" xmlns:b="u" a:x="1" b:x="CANARY"/>`, "twice"}, {`<r xmlns:a="u" xmlns:b="&#117;" a:x="1" b:x="2"/>`, "twice"}, {`<r xmlns="u" xmlns="u"/>`, "twice"},
	{`<r xmlns:a="u" xmlns:a="v"/>`, "twice"}, {`<r xml:lang="a" xml:lang="b"/>`, "twice"},
	{`<r xmlns:xmlns="u"/>`, "xmlns cannot"}, {`<r xmlns:a="http://www.w3.org/2000/xmlns/"/>`, "xmlns cannot"}, {`<xmlns:r/>`, "not declared"}, {`<r xmlns:xml="u"/>`, "one namespace"},
	{`<r xmlns:a="http://www.w3.org/XML/1998/namespace"/>`, "one namespace"}, {`<r xmlns="http://www.w3.org/XML/1998/namespace"/>`, "one namespace"}, {`<r xmlns:a=""/>`, "without a namespace"},

	// These would be twice where p stands for another namespace, when it is opened.
	{`<r xmlns:p="u"><email><a xmlns:q="v" p:x="" q:x=""/></email></r>`, "twice"}, {`<r xmlns:p="u" xmlns:q="v"><email><a p:x="" q:x=""/></email></r>`, "twice"},

	// Structure.
	{`CANARY`, "no text outside"}, {`<r/>CANARY`, "no text outside"}, {`<r/><r/>`, "nothing after"}, {`<r></r></r>`, "was not begun"}, {`</r>`, "was not begun"}, {`<r/>&#32;`, "no text outside"}, {`<r/><![CDATA[]]>`, "no text outside"},
	{`<r><ssn>CANARY</r></ssn>`, "innermost"}, {`<r></R>`, "innermost"}, {`<r></rr>`, "innermost"}, {`<rr></r>`, "innermost"}, {`<r></r x="1">`, "innermost"}, {`<r></ r>`, "innermost"}, {`<a:r xmlns:a="u" xmlns:b="u"></b:r>`, "innermost"},
	{`<1/>`, "name of an element"}, {`<-a/>`, "name of an element"}, {`< r/>`, "name of an element"}, {`<r><></></r>`, "name of an element"}, {`<a+b/>`, "a blank or the end"}, {"<a\u00d7/>", "name of an element"}, {"<\u0300a/>", "name of an element"},
	{`<r a/>`, "expected ="}, {`<r a=CANARY/>`, "expected ="}, {`<r a=="1"/>`, "expected ="}, {`<r a="1"b="2"/>`, "a blank or the end"}, {`<r / >`, "after /"}, {`<r =""/>`, "name of an attribute"}, {`<r a="<"/>`, "attribute value"},
	{"<r a=\"\x01\"/>", "attribute value"}, {`<r a="&e;"/>`, "attribute value"}, {`<r a="&"/>`, "attribute value"}, {"<r a='\xff'/>", "attribute value"}, {`<r a="&#0;"/>`, "attribute value"},
	{"<r>\x00</r>", "control"}, {"<r>\x0b</r>", "control"}, {"<r>\x1b</r>", "control"}, {"<r>\xff</r>", "not UTF-8"}, {"<r>\xc0\x80</r>", "not UTF-8"}, {"<r>\xed\xa0\x80</r>", "not UTF-8"}, {"<r>\uffff</r>", "not UTF-8"}, {"<r>\ufffe</r>", "not UTF-8"},
	{`<r>]]></r>`, "]]>"}, {`<r>a]]]></r>`, "]]>"}, {`<!-- -- --><r/>`, "-- in"}, {`<!-- --- ><r/>`, "-- in"}, {`<!----->`, "-- in"}, {`<!- -><r/>`, "expected a comment"}, {`<r><![cdata[]]></r>`, "expected a comment"},
	{"<r><!--\x01--></r>", "control"}, {"<r><?p \xff?></r>", "not UTF-8"}, {"<r><![CDATA[\x02]]></r>", "control"}, {`<??><r/>`, "name of an instruction"}, {`<?p+?><r/>`, "a blank after"}, {`<?p?x?><r/>`, "after ?"}, {`<?p:q x?><r/>`, "name of an instruction"},

	// References of SOAP's encodings, and what is none.
	{`<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><ssn href="#id1"/><multiRef id="id1">CANARY</multiRef></s:Body></s:Envelope>`, "elsewhere"},
	{`<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/"><a href='&#35;id1'/></Envelope>`, "elsewhere"},
	{`<r xmlns:e="http://www.w3.org/2003/05/soap-encoding"><ssn e:ref="id1"/></r>`, "elsewhere"},

	// Tagged values.
	{`<r><ssn>1<!-- -->CANARY</ssn></r>`, "comment or an instruction"}, {`<r><ssn>1<?p?>2</ssn></r>`, "comment or an instruction"}, {`<r><email><a><!----></a></email></r>`, "comment or an instruction"},
	{`<r` + dsig + `><ds:Signature><email>CANARY</email></ds:Signature></r>`, "signed or encrypted"}, {`<r><Object xmlns="http://www.w3.org/2000/09/xmldsig#"><a><email/></a></Object></r>`, "signed or encrypted"},
	{`<r><e:EncryptedData xmlns:e="http://www.w3.org/2001/04/xmlenc#"><email>x</email></e:EncryptedData></r>`, "signed or encrypted"},
}

// TestRefusals: the detail says what is wrong.
func TestRefusals(t *testing.T) {
	sel := mustSelect(t, corpus.Rules)
	for _, tc := range refusals {
		_, err := rewrite(sel, sealing, codec.Limits{}, tc.body, nil)
		if e, ok := errors.AsType[*codec.Error](err); !ok || !strings.Contains(e.Detail, tc.detail) || e.Code != codec.Malformed && e.Code != codec.Truncated {
			t.Errorf("%q: %v, want %q", tc.body, err, tc.detail)
		}
	}
}
