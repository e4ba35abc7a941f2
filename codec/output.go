package codec

const (
	// shortRun is the length below which a run of input is copied: one segment
	// more costs the transport about as much as the copy, and a small body then
	// leaves as one contiguous segment.
	shortRun   = 4 << 10
	firstBlock = 4 << 10
	maxHint    = 16 << 10
	usualText  = 512 // bytes by which a field grows, rounded up
	maxBlock   = 64 << 10
)

// An Output collects what a body becomes: runs of the input, long ones by
// reference, and replacements in memory that it owns. The zero value is ready.
// Not safe for concurrent use.
type Output struct {
	segs    [][]byte
	n       int
	block   []byte    // the owned block in use; its length is what is used of it
	growing bool      // the last segment ends where block does, and can grow in place
	owned   []*[]byte // every block, the one in use included
	adopted [][]byte  // memory that a Transform had to move to
	hint    int       // length of the first block
	grown   int       // see Growth
}

// Segments returns the pieces in order. They are valid until Reset, and as long
// as the input that they alias stays unchanged.
func (o *Output) Segments() [][]byte { return o.segs }

// Len returns the number of bytes in all segments.
func (o *Output) Len() int { return o.n }

// Growth returns by how many bytes the body has become longer where a rule
// without Open replaced a value: by how much sealing makes it longer.
func (o *Output) Growth() int { return o.grown }

// Grew adds to Growth, for a Writer that writes replacements itself.
func (o *Output) Grew(by int) { o.grown += by }

// Reset forgets the segments, clears the memory that o owns, and keeps it for
// the next use.
func (o *Output) Reset() {
	if len(o.segs)+len(o.owned)+len(o.adopted) == 0 {
		return
	}
	for i, b := range o.owned {
		PutBuffer(b)
		o.owned[i] = nil
	}
	for _, b := range o.adopted {
		clear(b[:cap(b)])
	}
	clear(o.adopted)
	clear(o.segs)
	*o = Output{segs: o.segs[:0], owned: o.owned[:0], adopted: o.adopted[:0]}
}

// expect sizes the first block for n bytes of a body with that many fields. A
// second block would cost as much again to clear.
func (o *Output) expect(n, fields int) {
	o.hint = min(n+min(fields, maxHint/usualText)*usualText+roomFor(0, 0), maxHint)
}

// Pass appends a run of the input by reference, or a copy of a short one. The
// input must stay unchanged until Reset.
func (o *Output) Pass(p []byte) {
	switch {
	case len(p) == 0:
	case !o.growing && o.follows(p):
		last := &o.segs[len(o.segs)-1]
		*last = (*last)[:len(*last)+len(p)]
		o.n += len(p)
	case len(p) < shortRun:
		o.Put(p)
	default:
		o.segs = append(o.segs, p)
		o.growing = false
		o.n += len(p)
	}
}

// follows reports whether p starts where the last segment ends, in the same
// memory.
func (o *Output) follows(p []byte) bool {
	if len(o.segs) == 0 {
		return false
	}
	last := o.segs[len(o.segs)-1]
	n := len(last)
	return cap(last) >= n+len(p) && &last[:n+1][n] == &p[0]
}

// Put appends a copy of b.
func (o *Output) Put(b []byte) { o.Commit(append(o.Tail(len(b)), b...)) }

// Tail returns an empty slice with room for n bytes of owned memory. What the
// caller appends to it becomes part of the output by Commit, before Tail is
// called again.
func (o *Output) Tail(n int) []byte {
	if cap(o.block)-len(o.block) < n {
		size := max(n, min(2*cap(o.block), maxBlock), o.hint, firstBlock)
		b := GetBuffer(size)
		o.owned = append(o.owned, b)
		o.block, o.growing = *b, false
	}
	return o.block[len(o.block):]
}

// Commit appends b to the output. b is the slice that Tail returned, after the
// caller has appended to it. If append moved b to new memory, o owns that
// memory from now on.
func (o *Output) Commit(b []byte) {
	if len(b) == 0 {
		return
	}
	o.n += len(b)
	used := len(o.block)
	if cap(o.block) == used || &o.block[:used+1][used] != &b[0] {
		o.adopt(b)
		o.segs = append(o.segs, b)
		o.growing = false
		return
	}
	o.block = o.block[:used+len(b)]
	if o.growing {
		last := &o.segs[len(o.segs)-1]
		*last = (*last)[:len(*last)+len(b)]
		return
	}
	o.segs = append(o.segs, o.block[used:])
	o.growing = true
}

// adopt makes b's memory belong to o: Reset clears it.
func (o *Output) adopt(b []byte) { o.adopted = append(o.adopted, b) }

// An Encoder writes replacements as the format of a value needs them, in one
// kind of place.
type Encoder interface {
	// Encode writes a replacement to out: got, which a Transform returned together
	// with kind. room is memory from out.Tail that already holds the lead byte of
	// Splicer.Put, if there is one. got lies directly after it if
	// [InPlace](room, got): then Encode can extend room over got and commit it
	// without a copy. Encode returns "" or, in fixed words, why this format cannot
	// write got: then the body is refused with [WrongKind].
	Encode(out *Output, room, got []byte, kind Kind) (fault string)
}

// InPlace reports whether got lies directly after room in memory: it does
// unless a Transform needed more than the spare capacity of room.
func InPlace(room, got []byte) bool {
	n := len(room)
	return len(got) == 0 || n+len(got) <= cap(room) && &room[:n+1][n] == &got[0]
}

// roomFor is how much of the owned block a Transform is offered for a value of
// n bytes: an envelope is 4/3 of it and a few hundred bytes, and longer with a
// record in it, as earlier ones have shown. For a long value, which is often
// kept, the Transform takes what it needs.
func roomFor(n, more int) int {
	if n > maxBlock {
		n = 0
	}
	return 2*n + 1024 + more
}
