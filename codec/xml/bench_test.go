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
	"github.com/sealmesh/sealmesh/codec/codectest"
	"github.com/sealmesh/sealmesh/codec/json"
)

// records makes the body of n bytes or a few more that package json's benchmark
// has, in XML: records of which every k-th has one tagged value.
func records(n, k int) []byte {
	var b strings.Builder
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?>` + "\n<r>")
	for i := 0; b.Len() < n; i++ {
		b.WriteString(`<record>`)
		if k > 0 && i%k == 0 {
			fmt.Fprintf(&b, `<card>%016d</card>`, i*7919+4539148803436467)
		}
		fmt.Fprintf(&b, `<id>%d</id><name>Jörg &quot;J&quot; Müller</name><city>Zürich</city><active>true</active><score>%d.5</score>`+
			`<note>leave at the door</note><tag>a</tag><tag>bb</tag><card_hint/></record>`, i, i%97)
	}
	b.WriteString(`</r>`)
	return []byte(b.String())
}

// enveloped makes records of SOAP: with prefixes, attributes and indentation.
func enveloped(n, k int) []byte {
	var b strings.Builder
	b.WriteString(`<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:p="urn:people">` + "\n  <soap:Body>\n    <p:List>\n")
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, "      <p:record id=\"%d\" xsi:type=\"p:Record\">\n", i)
		if k > 0 && i%k == 0 {
			fmt.Fprintf(&b, "        <p:card>%016d</p:card>\n", i*7919+4539148803436467)
		}
		fmt.Fprintf(&b, "        <p:name first=\"Jörg\">Müller</p:name>\n        <p:city>Zürich</p:city>\n        <p:note>leave at the door</p:note>\n      </p:record>\n")
	}
	b.WriteString("    </p:List>\n  </soap:Body>\n</soap:Envelope>\n")
	return []byte(b.String())
}

// jsonRecords is records in JSON.
func jsonRecords(n, k int) []byte {
	var b strings.Builder
	b.WriteString(`{"r":[`)
	for i := 0; b.Len() < n; i++ {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('{')
		if k > 0 && i%k == 0 {
			fmt.Fprintf(&b, `"card":"%016d",`, i*7919+4539148803436467)
		}
		fmt.Fprintf(&b, `"id":%d,"name":"Jörg \"J\" Müller","city":"Zürich","active":true,"score":%d.5,`+
			`"note":"leave at the door","tags":["a","bb"],"card_hint":null}`, i, i%97)
	}
	b.WriteString(`]}`)
	return []byte(b.String())
}

// sealedText is as long as an envelope, by reference, of 16 characters.
var sealedText = "sm1." + strings.Repeat("A", 99)

func seal(dst []byte, _ []codec.Field) ([]byte, codec.Kind, error) {
	return append(dst, sealedText...), codec.Text, nil
}

func BenchmarkBody(b *testing.B) {
	for _, c := range []struct {
		name, path string
		body       []byte
	}{
		{"2KiB/scan", "$.r.record.card", records(2<<10, 0)},
		{"2KiB/5fields", "$.r.record.card", records(2<<10, 2)},
		{"100KiB/scan", "$.r.record.card", records(100<<10, 0)},
		{"100KiB/nothing", "$.nothing", records(100<<10, 0)},
		{"100KiB/descendant", "$..nothing", records(100<<10, 0)},
		{"100KiB/soap", "$.Envelope.Body.List.record.card", enveloped(100<<10, 0)},
		{"100KiB/soap, namespace", "$..['{urn:people}card']", enveloped(100<<10, 0)},
		{"2KiB/soap, 5 fields", "$.Envelope.Body.List.record.card", enveloped(2<<10, 2)},
	} {
		b.Run(c.name, func(b *testing.B) { benchmark(b, &Format, c.path, c.body) })
	}
	for _, n := range []int{2 << 10, 100 << 10} {
		b.Run(fmt.Sprintf("%dKiB/json", n>>10), func(b *testing.B) { benchmark(b, &json.Format, "$.r[*].card", jsonRecords(n, 0)) })
		b.Run(fmt.Sprintf("%dKiB/json, 5 fields", n>>10), func(b *testing.B) { benchmark(b, &json.Format, "$.r[*].card", jsonRecords(n, 2)) })
		b.Run(fmt.Sprintf("%dKiB/encoding.xml", n>>10), func(b *testing.B) { benchmarkLibrary(b, records(n, 0)) })
		b.Run(fmt.Sprintf("%dKiB/soap, encoding.xml", n>>10), func(b *testing.B) { benchmarkLibrary(b, enveloped(n, 0)) })
	}
}

func benchmark(b *testing.B, f *codec.Format, path string, body []byte) {
	sel := codectest.Select(b, codec.Rule{Path: path}).Guarded(codec.Guard{Envelope: isHead})
	doc, err := codectest.NewBody(f, sel, seal, codec.Limits{})
	if err != nil {
		b.Fatal(err)
	}
	codectest.Benchmark(b, f, doc, body)
}

// benchmarkLibrary reads and writes tokens, as a rewriter on encoding/xml does.
func benchmarkLibrary(b *testing.B, body []byte) {
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		d, e := xml.NewDecoder(bytes.NewReader(body)), xml.NewEncoder(io.Discard)
		for {
			t, err := d.RawToken()
			if errors.Is(err, io.EOF) {
				break
			}
			switch x := t.(type) {
			case xml.StartElement:
				x.Name = joined(x.Name)
				for i := range x.Attr {
					x.Attr[i].Name = joined(x.Attr[i].Name)
				}
				t = x
			case xml.EndElement:
				x.Name = joined(x.Name)
				t = x
			}
			if err == nil {
				err = e.EncodeToken(t)
			}
			if err != nil {
				b.Fatal(err)
			}
		}
		if err := e.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// joined is a name as it is in the body: the encoder makes prefixes of its own.
func joined(n xml.Name) xml.Name {
	if n.Space == "" {
		return n
	}
	return xml.Name{Local: n.Space + ":" + n.Local}
}
