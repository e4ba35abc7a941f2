// Package csv has the body formats CSV (RFC 4180, UTF-8), [Format], and TSV
// (IANA's text/tab-separated-values), [TSV].
//
// The root of a path, $, is an array of rows, without the line of names and
// without empty lines. A member of a row is a field by the name of its column,
// and an element of a row is a field by its position:
//
//	$[*].ssn   the column called ssn
//	$[*][3]    the fourth column
//	$[0].ssn   the column ssn of the first row behind the line of names
//
// A rule for whole rows ($[*], $) owns each of their fields, one by one. Column
// names are never values.
//
// A body is read in the dialect that its settings state, and in no other. So a
// service that guesses the delimiter, or that takes another dialect, reads
// other columns than the rules do. The settings are:
//
//   - delimiter: one character of ASCII, a comma by default. TSV has no such
//     setting.
//   - header: present (default) or absent. Absent: the first line is a row, and
//     no rule finds a column by its name. The parameter of the media type of
//     that name must say the same.
//   - bom: refuse or allow a byte order mark. It is no part of the first field.
//     By default it may come before a name without quotes: where it is data to
//     a reader, quotes behind it are too, and the name could have a delimiter.
//   - backslash: refuse (default) a backslash before a delimiter, a quote or a
//     line end, where some readers take it for an escape; or data, for a
//     service that does not.
//
// The format accepts CRLF and LF as line ends, a last line without one, and
// empty lines at the end. It refuses what readers read differently:
//
//   - Rows with different numbers of fields, and empty lines between rows.
//   - Lines that end in CRLF beside lines that end in LF, outside quotes.
//   - A quote inside a field without quotes, text before or after quotes, and
//     quotes in TSV.
//   - A CR that no LF follows, control characters except TAB, and outside
//     quotes also the line ends of Unicode. Bytes that are not UTF-8.
//   - A first line that begins with sep=.
//   - Two columns with one name that a rule uses, and a name that only blanks,
//     quotes or another delimiter keep from being such a name.
//   - A body of one column that no rule owns, and that has another delimiter.
//
// Every field is a Text. The replacement is written in the same quotes, or
// without quotes, as the field was. Only a text that needs quotes gets them. A
// field is never a null: an empty one is an empty text.
package csv

import "github.com/sealmesh/sealmesh/codec"

// Format is CSV.
var Format = codec.Format{
	Name:          "csv",
	MediaTypes:    []string{"text/csv", "application/csv"},
	Check:         checkCSV,
	Scan:          scanCSV,
	HoldsEnvelope: holdsEnvelope,
}

// TSV is CSV with TAB for a delimiter, and without quotes.
var TSV = codec.Format{
	Name:          "tsv",
	MediaTypes:    []string{"text/tab-separated-values"},
	Check:         checkTSV,
	Scan:          scanTSV,
	HoldsEnvelope: holdsEnvelope,
}

// holdsEnvelope is Format.HoldsEnvelope. Quotes are doubled, and an envelope
// has none: so it is the same before and after decoding.
func holdsEnvelope(f *codec.Field, isHead func(text []byte) bool) bool {
	return codec.HoldsEnvelope(f.Value, isHead)
}
