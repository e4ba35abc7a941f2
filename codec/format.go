package codec

import (
	"fmt"
	"slices"
)

// A Format is a way to write bodies. It is immutable once it is in a [Table].
type Format struct {
	// Name is stable: errors, metrics and spans carry it. Example: "json".
	Name string
	// MediaTypes are the types that the format reads, in lower case and without
	// parameters. "+json" matches a structured suffix (RFC 6839). A type by its
	// own name, of any format, comes before a suffix.
	MediaTypes []string
	// Except are types that a suffix in MediaTypes covers and that the format does
	// not read: in them no path finds a value. See [Pattern].
	Except []Pattern
	// NullDeletes are types in which a null deletes the member whose value it is,
	// as in a merge patch (RFC 7396).
	NullDeletes []Pattern
	// Check compiles what the format needs of a Selector and of a policy's
	// options, once for each plan, when the policy is compiled. It fails with a
	// [*PathError] for a rule that the format cannot decide, and with a
	// [*SettingError] for options that the format does not take. The result is
	// given back in Body.Checked. It must be safe for concurrent use.
	//
	// The bodies of a route may have any format, so every format checks every
	// plan. An error refuses the policy if it has options for the format.
	// Otherwise sealmesh does not read the format there, and refuses its bodies.
	// So a format that cannot do without a setting fails if it lacks it. A rule
	// that finds nothing in the format is no error.
	Check func(sel *Selector, o Options) (checked any, err error)
	// Scan makes the Scanner of one document, which marks its tagged values in s.
	// b.Limits has its defaults filled in. Scan fails with an [*Error] at offset 0
	// if the format refuses the parameters of the media type ([BadParams]), or
	// lacks what it needs to read a body ([Unsupported]). It is nil for a format
	// with a Writer of its own, whose documents cannot be inside another.
	Scan func(b Body, s *Splicer) (Scanner, error)
	// Writer makes the Writer of one body, for a format without Scan: one whose
	// replacements change bytes before them, such as a length.
	Writer func(b Body) (Writer, error)
	// HoldsEnvelope reports whether a field holds an envelope that somebody could
	// cut out and open elsewhere. It looks through the escapes of the format.
	// isHead is as in [Guard].
	HoldsEnvelope func(f *Field, isHead func(text []byte) bool) bool
}

// Options are what a policy says about the bodies of one format, for
// Format.Check.
type Options struct {
	// Schema is the text of a schema, such as a protobuf descriptor set; nil for
	// none.
	Schema []byte
	// Settings are the format's own, such as the delimiter of CSV. See
	// [Options.Only].
	Settings map[string]string
	// Takes reports whether a body can belong to a request for path, which has no
	// escapes; nil means that every body can. A format whose rules depend on the
	// path need not compile others.
	Takes func(path string) bool
	// Parsed holds what formats have made of Schema; nil for nothing. See
	// [ParsedSchema].
	Parsed *Parsed
}

// A Parsed holds what formats have made of one schema. Not safe for concurrent
// use.
type Parsed struct{ values []any }

// ParsedSchema returns what parse makes of o.Schema, a value that nothing
// changes. A policy that names one schema in many routes parses it once.
func ParsedSchema[T any](o Options, parse func(schema []byte) (T, error)) (T, error) {
	if o.Parsed != nil {
		for _, v := range o.Parsed.values {
			if value, ok := v.(T); ok {
				return value, nil
			}
		}
	}
	value, err := parse(o.Schema)
	if err == nil && o.Parsed != nil {
		o.Parsed.values = append(o.Parsed.values, value)
	}
	return value, err
}

// SchemaSetting is the setting that names the file of Options.Schema. It is not
// in Options.Settings.
const SchemaSetting = "schema"

// A SettingError says which setting of [Options] a format does not take, and
// why.
type SettingError struct {
	Setting string
	Detail  string
	Known   []string // the settings of the format, if Setting is none of them
}

// Error reads `setting "delimiter": must be one character`.
func (e *SettingError) Error() string { return fmt.Sprintf("setting %q: %s", e.Setting, e.Detail) }

// Only fails with a [*SettingError] if o has a setting that is not among names.
// A format calls it at the start of its Check.
func (o Options) Only(names ...string) error {
	var unknown []string
	if o.Schema != nil && !slices.Contains(names, SchemaSetting) {
		unknown = append(unknown, SchemaSetting)
	}
	for name := range o.Settings {
		if !slices.Contains(names, name) {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	return &SettingError{Setting: slices.Min(unknown), Detail: "the format has no such setting", Known: names}
}

// A Body is everything that a Format needs to make a Writer for one body.
type Body struct {
	// At is the place of the body's root: Selector.Root() for a whole document, or
	// a deeper place for a document inside another, such as a part of a form. With
	// the zero Cursor there are no rules, and the Writer only validates.
	At Cursor
	// Inner says that the document is a value of the body and not its root, such
	// as a part of a form: Guard.Root is not about it.
	Inner bool
	// OneLine says that a line end would end the document: no replacement with one
	// is written.
	OneLine bool
	// Checked is what Format.Check returned for the Selector of At. Without a
	// Selector it may be nil, or says what the settings are.
	Checked any
	// Transform replaces tagged values. It may be nil if no rule can match.
	Transform Transform
	Limits    Limits
	Params    Params // of the media type
	// Encoding is the coding of compressed messages in the body, as the header
	// grpc-encoding or connect-content-encoding says. It is "" without such a
	// header, and where the policy refuses compressed messages.
	Encoding  string
	Direction Direction // of the message that has the body
	Method    string    // of the request, as :method has it
	Path      string    // of the request, as :path has it
}

// A Direction says whether a message is a request or a response.
type Direction uint8

// The directions. Their numbers index arrays of two.
const (
	Request Direction = iota
	Response
)
