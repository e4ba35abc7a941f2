package canary

import (
	"bytes"
	stdxml "encoding/xml"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/codec/xml"
)

var (
	xmlNames  = []string{"ssn", "ssn", "a:ssn", "b:ssn", "SSN", "note", "card", "p"}
	oddNames1 = []string{"ssn ", ":ssn", "a:b:ssn", "s\u00e9n", "ssn\x00", "&ssn;", "x:ssn", "xi:include"}
	xmlTexts  = []string{canary, canary, "&#67;ANARY", "&#x43;ANARY", "<![CDATA[" + canary + "]]>", "x<![CDATA[" + canary + "]]>y", "&lt;" + canary, "1", "", " " + canary + "\r\n"}
	oddTexts  = []string{"CAN<!-- -->ARY", canary + "<!-- x -->", canary + "<?x y?>", "&c;", "&#0;" + canary, "]]>" + canary, "<![CDATA[" + canary, "&#xD800;", "\x01" + canary, "&amp" + canary}
	xmlHeads  = []string{"", "", "", `<?xml version="1.0"?>`, `<?xml version="1.0" encoding="UTF-8"?>` + "\n", "<!-- x -->", "\ufeff"}
	oddHeads1 = []string{
		`<!DOCTYPE person [<!ENTITY c "` + canary + `">]>`, `<!DOCTYPE person>`, `<?xml version="1.1"?>`, `<?xml version="1.0" encoding="UTF-7"?>`,
		`<?xml version="1.0" encoding="utf-16"?>`, `<?xml version="1.0" encoding="ISO-8859-1"?>`, " <?xml version='1.0'?>", "x",
	}
	xmlBits = []string{"<", ">", "/", "&", ";", `"`, "'", "=", "]]>", "<!--", "-->", "<![CDATA[", "<?x?>", "</ssn>", "<ssn>", "<ssn>" + canary + "</ssn>", "\x00", "\xff", "\n", "&#x0a;", " xmlns:a=''", " xmlns='urn:x'"}
)

func xmlElement(r *rand.Rand, depth int) string {
	name := odd(r, xmlNames, oddNames1)
	attribute := pick(r, "", "", "", ` id="`+canary+`"`, ` id='`+canary+`'`, ` xmlns="urn:y"`, ` xmlns:a="urn:z"`, ` a:id="`+canary+`"`, "\nid\n=\n\""+canary+`"`, ` ssn="`+canary+`"`, ` b:card='`+canary+`'`, ` note="`+canary+`"`)
	var inside strings.Builder
	for range r.IntN(3) {
		if depth > 0 && r.IntN(3) == 0 {
			inside.WriteString(xmlElement(r, depth-1))
		} else {
			inside.WriteString(odd(r, xmlTexts, oddTexts))
		}
	}
	if inside.Len() == 0 && r.IntN(2) == 0 {
		return "<" + name + attribute + "/>"
	}
	return "<" + name + attribute + ">" + inside.String() + "</" + name + ">"
}

func xmlBody(r *rand.Rand) []byte {
	var b strings.Builder
	b.WriteString(odd(r, xmlHeads, oddHeads1))
	b.WriteString(`<person xmlns:a="urn:a" xmlns:b="urn:b"` + pick(r, "", "", ` xmlns="urn:d"`) + pick(r, "", "", "", ` ssn="`+canary+`"`) + ">")
	for range 1 + r.IntN(3) {
		b.WriteString(xmlElement(r, 2))
	}
	b.WriteString("</person>")
	b.WriteString(odd(r, []string{"", "", "\n", "<!-- x -->"}, []string{"x", "<ssn>" + canary + "</ssn>", "\x00"}))
	return mutate(r, []byte(b.String()), xmlBits)
}

// XML, as parsers that keep or drop namespaces read it.
func TestXML(t *testing.T) {
	requireReaders(t)
	run(t, format{
		name: "xml", format: &xml.Format, generate: xmlBody, plain: "<person><ssn>" + canary + "</ssn></person>",
		rules: []string{"$.person.ssn", "$.person.p.ssn", "$..card", "$.person.p['@id']"},
		readers: []reader{
			python(t, "xml.etree", ""), python(t, "xml.lxml", ""), python(t, "xml.defused", ""), python(t, "xml.sax", ""),
			node(t, "xml.fast", ""), node(t, "xml.xml2js", ""), java(t, "xml.dom", ""), java(t, "xml.sax", ""), java(t, "xml.stax", ""),
			java(t, "xml.woodstox", ""), java(t, "xml.jackson", ""), php(t, "xml"), ruby(t, "xml", ""), inProcess("encoding/xml", readXML),
		},
	})
}

// readXML reads the texts and attributes of elements, by their local names.
func readXML(body []byte) (all []reading) {
	d := stdxml.NewDecoder(bytes.NewReader(body))
	var path []any
	for {
		token, err := d.Token()
		if err != nil {
			return all
		}
		switch e := token.(type) {
		case stdxml.StartElement:
			path = append(path[:len(path):len(path)], e.Name.Local)
			for _, a := range e.Attr {
				all = append(all, reading{append(path[:len(path):len(path)], "@"+a.Name.Local), a.Value})
			}
		case stdxml.EndElement:
			path = path[:len(path)-1]
		case stdxml.CharData:
			all = append(all, reading{path, string(e)})
		}
	}
}
