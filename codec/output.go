package codec

// An Output collects what a body becomes: runs of the input, long ones by
// reference, and replacements, which it owns. Not safe for concurrent use.
type Output struct {
	segs [][]byte
}

// Segments returns the pieces in order. They are valid until Reset, and as long
// as the input they alias.
func (o *Output) Segments() [][]byte { return o.segs }

// Len returns the number of bytes in all segments.
func (o *Output) Len() int { panic("not yet") }

// Reset forgets the segments, clears the memory they used, and keeps it for the
// next use.
func (o *Output) Reset() { panic("not yet") }
