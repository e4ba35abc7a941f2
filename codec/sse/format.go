// Package sse is the body format of server-sent events (text/event-stream,
// WHATWG HTML §9.2), whose data has a format of its own: [Format].
//
// The data of each event is a document, and the root of its own: $.ssn is the
// member ssn of the data of every event. Other fields (event, id, retry) and
// comments have no rules. The data lines of an event are joined with LF, as
// readers do. An event without a blank line after it is not dispatched by
// readers; rules hold for it too.
//
// Events are sent in responses: a request of the type is refused. Lines end
// with LF, CRLF or CR. A byte order mark may begin the body. The format
// refuses:
//
//   - Data that is not one document, unless it is blank, or is a text that the
//     setting plain lists, alone in its event, such as [DONE].
//   - A tagged value that takes several data lines, and an object or array that
//     takes one data line among several: a reader that takes each line for an
//     event would see it as a root.
//   - A comment behind a data line that ends with CR alone: where a name of
//     JSON ends that line, a reader whose lines end with LF takes the comment
//     for the value of the name.
//   - A field of another name. Readers pass over it, but one that ignores case
//     or blanks could take it for data.
//   - Outside data: control characters, U+0085, U+2028 and U+2029, which some
//     readers take for line ends, what is not UTF-8, and envelopes.
package sse

import (
	"bytes"
	"slices"

	"github.com/sealmesh/sealmesh/codec"
)

// Bounds of the setting plain.
const (
	maxPlain      = 16 // texts
	maxPlainBytes = 64 // of one text
)

// Format returns the format of events whose data has the format data. It has
// the setting plain: texts, with blanks between them, that may be the data of
// an event and are not of the format data.
func Format(data *codec.Format) codec.Format {
	return codec.Format{
		Name:       "sse",
		MediaTypes: []string{"text/event-stream"},
		Check:      func(sel *codec.Selector, o codec.Options) (any, error) { return check(data, sel, o) },
		Scan: func(b codec.Body, tags *codec.Splicer) (codec.Scanner, error) {
			return scan(data, b, tags)
		},
		HoldsEnvelope: data.HoldsEnvelope,
	}
}

// A checked is what Check returns.
type checked struct {
	plain [][]byte
	data  any // what data.Check has returned
}

// check is Format.Check.
func check(data *codec.Format, sel *codec.Selector, o codec.Options) (any, error) {
	const setting = "plain"
	if err := o.Only(setting); err != nil {
		return nil, err
	}
	plain := bytes.Fields([]byte(o.Settings[setting]))
	if len(plain) > maxPlain || slices.ContainsFunc(plain, func(s []byte) bool { return len(s) > maxPlainBytes }) {
		return nil, &codec.SettingError{Setting: setting, Detail: "must be at most 16 texts of at most 64 bytes each"}
	}
	inner, err := data.Check(sel, codec.Options{})
	if err != nil {
		return nil, err
	}
	return &checked{plain, inner}, nil
}
