package library

import (
	"errors"
	"fmt"
	"strings"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/formats"
)

// Records is how many records the documents of [Formats] have.
const Records = 800

// A FormatCase compares the codec of a format with the library that a Go
// program would read and write the format with.
type FormatCase struct {
	Name    string // of the format
	Library string
	// Document has Records records. tagged of them have a value that Rules tag.
	Document func(tagged int) []byte
	Rules    []string
	// Copy reads a document and writes it again.
	Copy func(doc []byte) error

	mediaType string
	options   codec.Options
}

// Formats are the cases, in the order of the report.
func Formats() ([]FormatCase, error) {
	inProtobuf, err := protoCase(FormatCase{Name: "protobuf", Library: "protobuf, dynamicpb", Document: protoRecords,
		Rules: []string{"$.record[*].card"}, mediaType: "application/protobuf"})
	return []FormatCase{
		{Name: "json", Library: "encoding/json, into any", Document: jsonRecords, Copy: copyJSON,
			Rules: []string{"$[*].card"}, mediaType: "application/json"},
		{Name: "ndjson", Library: "encoding/json, a line each", Document: ndjsonRecords, Copy: copyLines,
			Rules: []string{"$.card"}, mediaType: "application/x-ndjson"},
		{Name: "form", Library: "net/url", Document: formRecords, Copy: copyForm,
			Rules: []string{"$.card"}, mediaType: "application/x-www-form-urlencoded"},
		{Name: "multipart", Library: "mime/multipart", Document: multipartRecords, Copy: copyMultipart,
			Rules: []string{"$.card"}, mediaType: "multipart/form-data; boundary=" + boundary},
		{Name: "csv", Library: "encoding/csv", Document: csvRecords, Copy: copyCSV,
			Rules: csvRules(), mediaType: "text/csv"},
		{Name: "xml", Library: "encoding/xml", Document: xmlRecords, Copy: copyXML,
			Rules: []string{"$.list.record.card"}, mediaType: "application/xml"},
		inProtobuf,
	}, err
}

// Codec is the work of the codec on a document with tagged values. It validates
// the document, and replaces each tagged value by a text as long as an
// envelope. Codec fails if the codec finds another number of tagged values.
func (c *FormatCase) Codec(doc []byte, tagged int) (Contestant, error) {
	found := formats.Table().Detect(c.mediaType)
	if found.Format == nil || found.Format.Name != c.Name {
		return Contestant{}, fmt.Errorf("%s is not read as %s", c.mediaType, c.Name)
	}
	rules := make([]codec.Rule, len(c.Rules))
	for i, path := range c.Rules {
		rules[i].Path = path
	}
	sel, err := codec.NewSelector(rules)
	if err != nil {
		return Contestant{}, err
	}
	checked, err := found.Format.Check(sel, c.options)
	if err != nil {
		return Contestant{}, err
	}
	replaced := 0
	sealed := []byte("sm1." + strings.Repeat("A", 99))
	body := codec.Body{At: sel.Root(), Checked: checked, Params: found.Params, Method: "POST",
		Transform: func(dst []byte, _ []codec.Field) ([]byte, codec.Kind, error) {
			replaced++
			return append(dst, sealed...), codec.Text, nil
		}}
	out := new(codec.Output)
	work := func() error {
		w, err := found.Format.New(body)
		if err != nil {
			return err
		}
		err = errors.Join(w.Write(out, doc), w.Close(out))
		w.Free()
		out.Reset()
		return err
	}
	if err := work(); err != nil {
		return Contestant{}, fmt.Errorf("%s: %w", c.Name, err)
	}
	if replaced != tagged {
		return Contestant{}, fmt.Errorf("%s: %d of %d tagged values found", c.Name, replaced, tagged)
	}
	return Contestant{Name: "codec", Run: work}, nil
}

// Peer is the work of the library on doc.
func (c *FormatCase) Peer(doc []byte) Contestant {
	return Contestant{Name: "library", Run: func() error { return c.Copy(doc) }}
}
