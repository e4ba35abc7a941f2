// Package codec finds tagged values in a body and splices in what replaces
// them. All other bytes stay unchanged.
//
// A codec is pure: bytes in, bytes out. It knows no key, clock, configuration
// or telemetry. A codec refuses a body that it does not understand: such a body
// could bypass every rule.
//
// # Terms
//
//   - A [Rule] is a path to values, in the subset of RFC 9535 that one pass can
//     decide. A [Selector] is a compiled set of rules.
//   - A tagged value is a value that a rule owns. A [Field] is one tagged value
//     of one body.
//   - A [Transform] is the caller's function that gives the replacement of a
//     tagged value: it seals or opens.
//   - A [Format] is a way to write bodies, such as JSON. Each has a folder of
//     its own below this one. A [Table] lists formats and finds one by content
//     type.
//   - A [Scanner] reads one document, which is a body or is inside one, and
//     marks its tagged values in the [Splicer] of the body. An [Encoder] writes
//     a replacement.
//   - A [Writer] rewrites one body. An [Output] collects what leaves.
//   - A [Guard] gives reasons to refuse a well-formed body.
//
// # Life cycle of a Writer
//
//	policy is compiled   Format.Check(Selector, Options) → checked
//	body begins          Format.New(Body) → Writer
//	chunk arrives        Writer.Write(Output, chunk)      any number of times
//	                       scan the whole chunk: grammar, guard, tagged values
//	                       for each tagged value that ends in the chunk:
//	                         Transform(value) → replacement
//	                       splice: untouched bytes by reference, replacements
//	body ends            Writer.Close(Output)
//	always, once         Writer.Free()
//	output was sent      Output.Reset()
//
// One Writer serves a body that arrives whole and a body that arrives in
// pieces. The result never depends on how the body was cut. If a chunk ends
// inside a tagged value, the Writer holds the part of the value that has
// arrived, and nothing else:
//
//	chunk 1   {"name":"Ada","ssn":"123-4
//	          └───── leaves ─────┘└held┘
//	chunk 2   5-6789","x":1}
//	          └value┘└leave┘
//
// # Adding a format
//
// The example of [Format] is a whole format, as small as one can be. Adding a
// body format touches one folder, and one line in package codec/formats.
// Policy, proxy and commands find the format there. The folder has:
//
//   - A [Format] with name, media types, Check, Scan and HoldsEnvelope.
//   - A [Scanner] that accepts exactly the grammar of the format. It walks with
//     a [Cursor], and documents what members and elements are. Where a tagged
//     value begins and ends it calls the [Splicer], which holds incomplete
//     values, calls the Transform and writes the output.
//   - An [Encoder] for each kind of place that a value can be in.
//   - A test that runs the conformance suite of package codec/codectest.
//
// The Writer is the same for every format: Format.New puts it around the
// Scanner. It limits the body, calls the Splicer for each chunk, and returns
// the first error again. What the functions do, as in codec/json/document.go:
//
//   - Format.Scan takes a Scanner from a pool, and sets its Cursor to Body.At
//     if that has a Selector.
//   - Scanner.Scan reads a piece to its end. A byte order mark is part of the
//     document: the format says what it does with one.
//   - Scanner.End ends a value that only the end of the document ends. It fails
//     with [Truncated] if the document is incomplete.
//   - Scanner.Free clears the Scanner, keeps its memory and returns it to the
//     pool.
//
// A format whose replacements change bytes before them, such as the lengths of
// protobuf, has a Writer of its own, in Format.Writer. It keeps the promises of
// [Writer].
//
// A format that contains others is a function of theirs. It gives their
// Scanners its own Splicer, so that all documents of a body share one order and
// one limit of fields: Format.Scan(Body with the place of the document) when a
// document begins, Scan for each piece of it, End at its end, and Scan again if
// another document has the same place. It calls Free in its own: until the
// chunk was written, the encoders of what a Scanner has marked are needed. A
// Body says if the document is not the root (Inner) and must stay on its line
// (OneLine). Its Check calls theirs, and its HoldsEnvelope asks the format that
// a field's kind and [Position] belong to. Where it cannot tell yet whether
// bytes belong to the document, such as a line end before a possible delimiter,
// it calls Splicer.Hold.
//
// A format refuses:
//
//   - Every body that two readers could read differently, unless rules hold in
//     every reading: JSON tags both of two members with the same name. A byte
//     order mark, NUL, and a name with two spellings are common traps.
//   - Every envelope that no rule takes (Guard.Envelope), in names too.
//   - Every replacement that is not one value where it is written
//     ([WrongKind]). An opened value must not end its line or string and add
//     members.
//   - Every body past the [Limits]. Whatever a Writer remembers of a body needs
//     a limit, such as the names that it has seen.
//
// A format whose bodies are records, such as the rows of CSV, ends each with
// Splicer.Record: a stream has any number of tagged values, and a record as
// many as Limits.Fields.
//
// The error of a body does not depend on how the body was cut. So check limits
// at each byte or token, and not at the end of a chunk; make errors by
// Splicer.Refuse, which sees to a value that is too long by then. Errors are of
// type [*Error]: proxy reports every other error as a defect of sealmesh.
package codec

// A Kind says what the bytes of a value are. Its number is part of every
// envelope and never changes.
type Kind uint8

// Kinds of values.
const (
	// Text is a string's own characters, UTF-8, without quotes or escapes. Text
	// can be written in every format.
	Text Kind = 0
	// Literal is a JSON value exactly as it stood in the body.
	Literal Kind = 1
	// Bytes is binary data of a format that has such values.
	Bytes Kind = 2
	// Raw is a value exactly as it stood in a body that is not JSON, where its
	// text would not give the same bytes again. Its first byte is its [Position].
	Raw Kind = 3
)

// A Position is the first byte of a Raw value: the kind of place in a body that
// the value came from. A raw value opens only in its own kind of position,
// where it is scanned again. The numbers are sealed with values and never
// change.
type Position uint8

// Positions of raw values.
const (
	XMLContent         Position = 1 // content of an XML element
	XMLDoubleAttribute Position = 2 // an XML attribute in double quotes
	XMLSingleAttribute Position = 3 // an XML attribute in single quotes
	CSVField           Position = 4 // a CSV field, its quotes included
	FormValue          Position = 5 // a value of a form or a query, as encoded
)

// A Field is one tagged value in a body.
type Field struct {
	Rule int  // index of the rule that owns the value, as given to NewSelector
	Kind Kind // what Value is
	Null bool // the value is the format's null: nothing to seal or open
	// Value aliases the body or a scratch buffer and is valid only during the
	// call. A Raw value begins with its Position.
	Value []byte
}

// A Transform appends to dst what replaces the value of batch[0], and returns
// the kind of what it appended. The codec adds quotes and escapes as its format
// needs, and refuses a kind that the format cannot write there with
// [WrongKind].
//
// A Transform that returns [ErrKeep] appends nothing: the value stays as it is.
// Any other error ends the body. The rest of batch are the fields that follow
// in the bytes read so far. A Transform may use them to fetch keys early; it is
// called for each of them later, in order. It must not keep batch.
type Transform func(dst []byte, batch []Field) ([]byte, Kind, error)

// A Writer rewrites one body. It is not safe for concurrent use.
type Writer interface {
	// Write reads the next piece of the body and adds to out everything that can
	// already be sent. out may alias p, so p must stay unchanged until out is
	// sent.
	//
	// Write reads all of p before it calls the first Transform of a value that
	// ends in p. So if p is the whole body, it is known to be well-formed by then,
	// though it may be truncated. That is also true of documents inside the body.
	// If p has more than Limits.Fields tagged values, in several records, Write
	// reads p up to the end of the record that has the last of these.
	//
	// After an error, Write and Close return the same error again, and the caller
	// must not send what out still has.
	Write(out *Output, p []byte) error
	// Close ends the body. It fails if the body is incomplete.
	Close(out *Output) error
	// Free clears what the Writer held of the body and recycles the Writer, which
	// must not be used again. Call it once, on every path.
	Free()
}
