package library

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/url"
)

// A record has no tagged value. Its texts need escapes in no format.
type record struct{ id, name, city, note string }

func recordAt(i int) record {
	return record{fmt.Sprint(i), "Ada Lovelace", "London", "leave at the door, ring twice"}
}

// card is the tagged value of record i, if it is one of tagged.
func card(i, tagged int) (value string, ok bool) {
	if tagged == 0 || i%(Records/tagged) != 0 || i/(Records/tagged) >= tagged {
		return "", false
	}
	return fmt.Sprintf("%016d", 4539148803436467+i), true
}

func jsonRecords(tagged int) []byte {
	var b bytes.Buffer
	for i := range Records {
		r := recordAt(i)
		fmt.Fprintf(&b, `,{"id":%s,"name":%q,"city":%q,"note":%q`, r.id, r.name, r.city, r.note)
		if v, ok := card(i, tagged); ok {
			fmt.Fprintf(&b, `,"card":%q`, v)
		}
		b.WriteByte('}')
	}
	b.WriteByte(']')
	doc := b.Bytes()
	doc[0] = '['
	return doc
}

func copyJSON(doc []byte) error {
	var v any
	if err := json.Unmarshal(doc, &v); err != nil {
		return err
	}
	_, err := json.Marshal(v)
	return err
}

func ndjsonRecords(tagged int) []byte {
	doc := jsonRecords(tagged)
	return append(bytes.ReplaceAll(doc[1:len(doc)-1], []byte("},{"), []byte("}\n{")), '\n')
}

func copyLines(doc []byte) error {
	for line := range bytes.Lines(doc) {
		if err := copyJSON(line); err != nil {
			return err
		}
	}
	return nil
}

func formRecords(tagged int) []byte {
	var b bytes.Buffer
	for i := range Records {
		r := recordAt(i)
		form := url.Values{"id": {r.id}, "name": {r.name}, "city": {r.city}, "note": {r.note}}
		if v, ok := card(i, tagged); ok {
			form.Set("card", v)
		}
		b.WriteString("&" + form.Encode())
	}
	return b.Bytes()[1:]
}

func copyForm(doc []byte) error {
	v, err := url.ParseQuery(string(doc))
	_ = v.Encode()
	return err
}

// csvRules tag the values of five rows: a column has a value in every row.
func csvRules() (rules []string) {
	for i := range 5 {
		rules = append(rules, fmt.Sprintf("$[%d].card", i*Records/5))
	}
	return rules
}

// csvRecords has no column card if tagged is 0.
func csvRecords(tagged int) []byte {
	last := "card"
	if tagged == 0 {
		last = "code"
	}
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	_ = w.Write([]string{"id", "name", "city", "note", last})
	for i := range Records {
		r := recordAt(i)
		v, _ := card(i, tagged)
		_ = w.Write([]string{r.id, r.name, r.city, r.note, v})
	}
	w.Flush()
	return b.Bytes()
}

func copyCSV(doc []byte) error {
	rows, err := csv.NewReader(bytes.NewReader(doc)).ReadAll()
	return errors.Join(err, csv.NewWriter(io.Discard).WriteAll(rows))
}

func xmlRecords(tagged int) []byte {
	var b bytes.Buffer
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?><list>`)
	for i := range Records {
		r := recordAt(i)
		fmt.Fprintf(&b, `<record id="%s"><name>%s</name><city>%s</city><note>%s</note>`, r.id, r.name, r.city, r.note)
		if v, ok := card(i, tagged); ok {
			b.WriteString("<card>" + v + "</card>")
		}
		b.WriteString("</record>")
	}
	b.WriteString("</list>")
	return b.Bytes()
}

func copyXML(doc []byte) error {
	d, e := xml.NewDecoder(bytes.NewReader(doc)), xml.NewEncoder(io.Discard)
	for {
		t, err := d.Token()
		if errors.Is(err, io.EOF) {
			return e.Close()
		}
		if err == nil {
			err = e.EncodeToken(t)
		}
		if err != nil {
			return err
		}
	}
}

const boundary = "bench-boundary-3f1c"

func multipartRecords(tagged int) []byte {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	_ = w.SetBoundary(boundary)
	for i := range Records {
		r := recordAt(i)
		_ = w.WriteField("id", r.id)
		_ = w.WriteField("note", r.name+", "+r.city+": "+r.note)
		if v, ok := card(i, tagged); ok {
			_ = w.WriteField("card", v)
		}
	}
	_ = w.Close()
	return b.Bytes()
}

func copyMultipart(doc []byte) error {
	r, w := multipart.NewReader(bytes.NewReader(doc), boundary), multipart.NewWriter(io.Discard)
	for {
		p, err := r.NextPart()
		if errors.Is(err, io.EOF) {
			return w.Close()
		}
		if err != nil {
			return err
		}
		to, err := w.CreatePart(p.Header)
		if err != nil {
			return err
		}
		if _, err := io.Copy(to, p); err != nil {
			return err
		}
	}
}
