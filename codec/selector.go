package codec

// A Rule is one compiled path of a plan.
type Rule struct {
	Path     string // RFC 9535 subset: $ followed by .name ['name'] [n] [*] .* ..name ..*
	Unescape bool   // give every string as Text, however it was escaped (deterministic suite)
}

// A Selector is a compiled set of rules. It answers, as a walker descends,
// which rule owns a value, without allocating. Immutable, safe for concurrent use.
type Selector struct{}

// NewSelector compiles rules; Field.Rule is an index into them. A path outside
// the subset is a *PathError.
func NewSelector(rules []Rule) (*Selector, error) { panic("not yet") }

// A PathError names the part of a path that cannot be compiled.
type PathError struct {
	Path   string
	Offset int // byte offset in Path
	Detail string
}

// Error reads `path "$.a[?@.b]": at 4: filters are not supported`.
func (e *PathError) Error() string { panic("not yet") }
