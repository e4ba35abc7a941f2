package codec

import "cmp"

// Limits bound what one body may cost. A field that is zero means the default
// below.
type Limits struct {
	// ValueBytes is the length of the longest tagged value in bytes, as it is
	// in the body: quotes and escapes count.
	ValueBytes int
	// Depth is the deepest nesting of containers.
	Depth int
	// Fields is the number of tagged values in one record: a row, a line, an
	// event, a message. A body of another format is one record.
	Fields int
	// NameBytes is the length in bytes, as it is in the body, of the longest
	// name that has to be compared with a rule.
	NameBytes int
	// BodyBytes is the length of the longest body. Zero means no limit:
	// transports bound the bodies that they buffer.
	BodyBytes int64
	// Ratio is how many times longer the compressed messages of a body may be once
	// they are decoded, beyond a short beginning: see Body.Encoding.
	Ratio int
}

// Defaults of [Limits].
const (
	DefaultValueBytes = 1 << 20
	DefaultDepth      = 256
	DefaultFields     = 100_000
	DefaultNameBytes  = 64 << 10
	DefaultRatio      = 100
)

// WithDefaults returns l with each zero replaced by its default, except
// BodyBytes.
func (l Limits) WithDefaults() Limits {
	l.ValueBytes = cmp.Or(l.ValueBytes, DefaultValueBytes)
	l.Depth = cmp.Or(l.Depth, DefaultDepth)
	l.Fields = cmp.Or(l.Fields, DefaultFields)
	l.NameBytes = cmp.Or(l.NameBytes, DefaultNameBytes)
	l.Ratio = cmp.Or(l.Ratio, DefaultRatio)
	return l
}

// value returns the limit of a value that a rule of sel owns, in bytes.
func (l *Limits) value(sel *Selector, rule int) int {
	return cmp.Or(sel.given[rule].Longest, l.ValueBytes)
}
