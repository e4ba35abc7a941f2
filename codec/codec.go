// Package codec finds tagged values in a body and splices in what replaces
// them. Every other byte leaves as it came.
//
// A codec is pure: bytes in, bytes out. It knows no key, clock, configuration
// or telemetry. One incremental [Writer] serves a body that arrives whole and
// one that arrives in pieces, and the result never depends on how it was cut.
// What a codec does not understand, it refuses: a body that it let pass half
// read would be a way around every rule.
//
// Adding a body format touches this folder alone: a file with its Writer, a line
// in the table of [Formats], and cases for the conformance suite.
package codec

import "cmp"

// A Kind says what the bytes of a value are. Its number is part of every
// envelope and never changes.
type Kind uint8

const (
	// Text is a string's own characters, UTF-8, without quotes or escapes.
	Text Kind = 0
	// Literal is a JSON value exactly as it stood in the body.
	Literal Kind = 1
	// Bytes is binary data of a format that has it.
	Bytes Kind = 2
	// Keep is never stored: a Transform returns it to leave the value as it is.
	Keep Kind = 0xff
)

// A Field is one tagged value in a body.
type Field struct {
	Rule  int    // index of the rule that owns it, as given to NewSelector
	Kind  Kind   // what Value is: Text for a string without escapes, Literal for the rest
	Value []byte // aliases the body or a scratch buffer: valid only during the call
}

// A Transform appends to dst what takes the place of batch[0], and says what it
// appended: Text (the codec adds quotes and escapes as its format needs),
// Literal, Bytes, or Keep with nothing appended. The rest of batch are the fields
// that follow in the bytes read so far: a Transform may use them to fetch
// keys early, and is called for each in its turn. An error ends the body.
type Transform func(dst []byte, batch []Field) ([]byte, Kind, error)

// A Writer rewrites one body. It is not safe for concurrent use.
type Writer interface {
	// Write reads the next piece of the body and adds to out all that can leave
	// already. out may alias p, so p must stay unchanged until out is sent. All of p
	// is read before the first Transform of a value that ends in it is called: a
	// body that came whole is malformed nowhere by then, though it may still be truncated.
	// After an error the Writer is spent, and nothing that is still in out may leave.
	Write(out *Output, p []byte) error
	// Close ends the body: it fails if the body is incomplete.
	Close(out *Output) error
	// Free clears what was held of the body and recycles the Writer, which must
	// not be used again. It is called once, on every path.
	Free()
}

// A Format is a kind of body.
type Format struct {
	Name       string   // "json"
	MediaTypes []string // lower case, without parameters; "+json" matches a structured suffix
	// Except are types that MediaTypes cover and that are not read all the same, since in them no
	// path finds a value: "type/subtype", "type/subtype;param" with that parameter alone, or
	// "*part*" for every subtype that holds the part.
	Except []string
	New    func(*Selector, Transform, Limits) Writer
}

// Limits bound what one body may cost. The zero value of a field means the
// default below.
type Limits struct {
	ValueBytes int   // longest tagged value, as it stands in the body (quotes and escapes included)
	Depth      int   // deepest nesting of arrays and objects
	Fields     int   // tagged values in one body
	NameBytes  int   // longest member name that has to be compared with a rule, as it stands in the body
	BodyBytes  int64 // longest body; unlimited when zero: transports bound buffered bodies themselves
}

// Defaults of [Limits].
const (
	DefaultValueBytes = 1 << 20
	DefaultDepth      = 256
	DefaultFields     = 100_000
	DefaultNameBytes  = 64 << 10
)

// withDefaults fills in the zero fields.
func (l Limits) withDefaults() Limits {
	l.ValueBytes = cmp.Or(l.ValueBytes, DefaultValueBytes)
	l.Depth = cmp.Or(l.Depth, DefaultDepth)
	l.Fields = cmp.Or(l.Fields, DefaultFields)
	l.NameBytes = cmp.Or(l.NameBytes, DefaultNameBytes)
	return l
}
