// Package multipart is the body format multipart/form-data (RFC 7578, UTF-8):
// [New].
//
// The root of a path, $, is the form. A part is a member by its name, which is
// read as names of forms are: see package form. A name that occurs twice is two
// members. A part is one of these:
//
//   - A field has no filename, and no type or text/plain. Its content is Text,
//     and must be UTF-8.
//   - A file has a filename, or another type. Its content is Bytes, and Bytes
//     open in a file only. Where an envelope is asked for and is there, a file
//     is Text.
//   - A document is a part that the settings give a format, such as JSON. Its
//     content is a value of the format: a rule for $.order.ssn finds the member
//     ssn of the document in the part order. Nothing that a client says makes a
//     part a document. So a part is refused whose type is JSON, XML, CSV or
//     that of another document, where a rule could find a value in it and the
//     settings do not know the part; and a document of another type.
//
// # What is refused
//
// A reader that is lenient reads other names or other values. The format
// accepts one spelling of everything:
//
//   - The media type has one boundary, of letters, digits and -_.+, and no
//     other parameter but charset.
//   - The body begins with the boundary, and ends with the last boundary, which
//     a line end may follow. Lines end with CRLF. The boundary is nowhere else,
//     not even inside a line.
//   - Each part has one Content-Disposition: form-data, a name, and perhaps a
//     filename behind it, without escapes of any kind. The filename may be
//     there once more, as filename*, if that has the same text. The filename
//     may then be one encoded word. The name has no blanks at its ends.
//     Content-Type, Content-Length and Content-Transfer-Encoding are the only
//     other headers.
//   - The charset of a part is UTF-8; or US-ASCII or ISO-8859-1, if the content
//     is ASCII and no document: clients of Apache and .NET write these.
//   - The length must be true. It is changed with the content of a field or a
//     file: what follows it is held, and counts as part of the value's length. A
//     document in which a rule could find a value has none.
//   - There are no parts in parts, no _charset_, and no transfer encodings but
//     those that change nothing: binary, 8bit and 7bit.
//   - A form with the parts operations and map is a request of GraphQL. It has
//     its values in operations, and is refused unless that is a document.
//
// Envelopes are looked for in headers, fields and files as they are. An
// envelope inside a compressed or encoded file is not seen.
package multipart

import "github.com/sealmesh/sealmesh/codec"

// name is the name of the format in errors.
const name = "multipart"

// New returns the format. Documents in parts are of the formats of inner.
func New(inner codec.Table) codec.Format {
	t := table(inner)
	return codec.Format{
		Name:          name,
		MediaTypes:    []string{"multipart/form-data"},
		Check:         t.check,
		Scan:          scan,
		HoldsEnvelope: t.holdsEnvelope,
	}
}

// A table has the formats of documents in parts.
type table codec.Table

// named returns the format of that name, or nil.
func (t table) named(name string) *codec.Format {
	for _, f := range t {
		if f.Name == name {
			return f
		}
	}
	return nil
}

// resembles reports whether a part of that type may be a document that rules
// could look into, whether or not there is a format for it.
func (t table) resembles(media []byte) bool {
	for _, f := range t {
		for _, m := range f.MediaTypes {
			if isType(media, m) {
				return true
			}
		}
	}
	for _, m := range [...]string{"+json", "+xml", "application/json", "text/json", "application/xml", "text/xml", "text/csv"} {
		if isType(media, m) {
			return true
		}
	}
	return false
}

// isType reports whether media is m, or has the suffix m.
func isType(media []byte, m string) bool {
	if m[0] == '+' && len(media) > len(m) {
		media = media[len(media)-len(m):]
	}
	return is(media, m)
}

// positions are the names of the formats that positions of raw values belong
// to.
var positions = map[codec.Position]string{
	codec.XMLContent: "xml", codec.XMLDoubleAttribute: "xml", codec.XMLSingleAttribute: "xml",
	codec.CSVField: "csv", codec.FormValue: "form",
}

// holdsEnvelope is Format.HoldsEnvelope. A literal or a raw value is of a
// document.
func (t table) holdsEnvelope(f *codec.Field, isHead func(text []byte) bool) bool {
	owner := ""
	switch {
	case f.Kind == codec.Literal:
		owner = "json"
	case f.Kind == codec.Raw && len(f.Value) > 0:
		owner = positions[codec.Position(f.Value[0])]
	default:
		return codec.HoldsEnvelope(f.Value, isHead)
	}
	format := t.named(owner)
	return format == nil || format.HoldsEnvelope(f, isHead)
}
