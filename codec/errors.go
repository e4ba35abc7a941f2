package codec

import (
	"errors"
	"fmt"
)

// ErrKeep is what a [Transform] returns to leave a value as it is.
var ErrKeep = errors.New("codec: the value stays as it is")

// A Code is a stable name for why a body was refused. Clients see it. A Code
// reveals nothing about the value.
type Code string

// Codes of [Error].
const (
	Malformed  Code = "body_malformed"  // not what its content type says
	TooDeep    Code = "body_too_deep"   // Limits.Depth
	TooLarge   Code = "body_too_large"  // Limits.BodyBytes
	ValueLimit Code = "value_too_large" // Limits.ValueBytes
	FieldLimit Code = "too_many_fields" // Limits.Fields
	NameLimit  Code = "name_too_long"   // Limits.NameBytes
	Truncated  Code = "body_truncated"  // the body ended in the middle

	// Unsupported: the body, or a part of it, has a format that sealmesh knows and
	// does not read.
	Unsupported Code = "format_unsupported"
	// BadParams: the format cannot honour the parameters of the media type.
	BadParams Code = "parameter_unsupported"

	// What a Guard refuses.
	EnvelopeFound Code = "envelope_unexpected" // a string holds an envelope, and no rule takes it there
	PatchFound    Code = "patch_unsupported"   // the body is a patch by its shape
	WrongRoot     Code = "root_unexpected"     // Guard.Root
	MethodFound   Code = "method_unexpected"   // Guard.Method

	// WrongKind: an opened value cannot be written in this format.
	WrongKind Code = "value_not_representable"
)

// An Error says why a body was refused and where. It never holds bytes of the
// body.
type Error struct {
	Format string // name of the body's Format; the Writer fills it in
	Code   Code
	Offset int64  // byte offset in the body
	Detail string // what was expected, in fixed words
}

// Error reads "json: body_malformed at byte 17: expected a comma".
func (e *Error) Error() string {
	return fmt.Sprintf("%s: %s at byte %d: %s", e.Format, e.Code, e.Offset, e.Detail)
}
