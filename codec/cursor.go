package codec

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// A Cursor is a place in a document, as its [Selector] sees it. The scanner of
// any format descends with Member and Element and returns with Up; each descent
// returns the rule that owns the value. Each format documents what its members
// and elements are.
//
// To save work, a scanner looks up a [Step] first, asks Peek what the
// step would lead to, and calls Descend only where a rule can still match
// below.
//
// A Cursor keeps the memory of its deepest descent. The zero Cursor has no
// Selector and can only be given to Set. Not safe for concurrent use.
type Cursor struct {
	sel    *Selector
	states []uint64 // sel.words for each level, the deepest last
}

// A Step is the number that a [Selector] gives to a member name or an index
// that its rules have. AnyStep means all other members and elements.
type Step int

// AnyStep is the step to a member or element that no rule names. Wildcards and
// descendant segments still match it.
const AnyStep Step = 0

// Root returns a Cursor at the root of a document. It shares memory with s, and
// does not allocate.
func (s *Selector) Root() Cursor {
	return Cursor{s, s.start[:len(s.start):len(s.start)]}
}

// Named returns the step to the member called name, decoded. It is AnyStep if
// no rule uses the name.
func (s *Selector) Named(name []byte) Step { return Step(s.names.find(name)) }

// Indexed returns the step to the element at index, counted from zero.
func (s *Selector) Indexed(index int) Step { return Step(s.indexRow(index)) }

// Steps returns the number of steps that s distinguishes: each is less, except
// SomeElement.
func (s *Selector) Steps() int { return int(s.SomeElement()) }

// SomeElement returns the step to an element whose index is not known: every
// rule that names an element takes it, by index or by a decimal name.
func (s *Selector) SomeElement() Step { return Step(1 + len(s.names.entries) + len(s.index)) }

// HasIndexes reports whether some rule names an element by its index. Where
// none does, a scanner need not count elements.
func (s *Selector) HasIndexes() bool { return len(s.index) > 0 }

// Start puts c at the root of a document and returns the rule that owns the
// root, or -1.
func (c *Cursor) Start(s *Selector) (rule int) {
	c.Set(s.Root())
	return c.Owner()
}

// Set moves c to the place of other, which must have a Selector. c then cannot
// go Up from that place.
func (c *Cursor) Set(other Cursor) {
	c.sel, c.states = other.sel, append(c.states[:0], other.top()...)
}

// Reset forgets the place and the Selector of c, and keeps its memory.
func (c *Cursor) Reset() { c.sel, c.states = nil, c.states[:0] }

// Selector returns the Selector of c, nil for the zero Cursor.
func (c *Cursor) Selector() *Selector { return c.sel }

// Member descends to the member called name, and returns the rule that owns it,
// or -1. The name is compared as it is: the scanner decodes escapes first.
func (c *Cursor) Member(name []byte) (rule int) {
	c.Descend(c.sel.Named(name))
	return c.Owner()
}

// Element descends to the element at index, counted from zero, and returns the
// rule that owns it, or -1.
func (c *Cursor) Element(index int) (rule int) {
	c.Descend(c.sel.Indexed(index))
	return c.Owner()
}

// Descend goes down by a step of c's Selector.
func (c *Cursor) Descend(to Step) {
	mask := c.sel.masks[int(to)*c.sel.words:]
	base := len(c.states) - c.sel.words
	for i, loop := range c.sel.loop {
		from := c.states[base+i]
		c.states = append(c.states, (from&mask[i])<<1|from&loop)
	}
}

// Advance goes down by all of the steps at once, for a name that applications
// read in several ways: the value of a[0] in a form is an element to one and
// the member "0" to another. A rule that owns the value at one of the places
// owns it. Advance descends in place, so that c cannot go Up after it, and a
// long name needs no more memory than a short one.
func (c *Cursor) Advance(to ...Step) {
	top := c.top()
	for i, from := range top {
		mask := uint64(0)
		for _, step := range to {
			mask |= c.sel.masks[int(step)*c.sel.words+i]
		}
		top[i] = (from&mask)<<1 | from&c.sel.loop[i]
	}
}

// Join adds the places of other, which has the same Selector.
func (c *Cursor) Join(other *Cursor) {
	top := c.top()
	for i, state := range other.top() {
		top[i] |= state
	}
}

// Clear removes all places: no rule owns a value there or below, until Join
// adds places again.
func (c *Cursor) Clear() { clear(c.top()) }

// Up undoes one descent.
func (c *Cursor) Up() { c.states = c.states[:len(c.states)-c.sel.words] }

// Live reports whether a rule can match below this place. Where no rule can, a
// scanner need not descend.
func (c *Cursor) Live() bool {
	for i, state := range c.top() {
		if state&^c.sel.accept[i] != 0 {
			return true
		}
	}
	return false
}

// Owner returns the rule that owns the value at this place, or -1.
func (c *Cursor) Owner() int {
	for i, state := range c.top() {
		if hit := state & c.sel.accept[i]; hit != 0 {
			return c.sel.ruleOf(i, hit)
		}
	}
	return -1
}

// A Preview is what a descent would lead to.
type Preview struct {
	Rule      int  // the rule that owns the value there, or -1
	DeadEnd   bool // no rule can match below that place
	Unchanged bool // the descent changes nothing: rules match below that place as below this one
}

// Peek returns what Descend would lead to.
func (c *Cursor) Peek(to Step) Preview {
	v := Preview{-1, true, true}
	mask := c.sel.masks[int(to)*c.sel.words:]
	for i, from := range c.top() {
		next := (from&mask[i])<<1 | from&c.sel.loop[i]
		v.add(c.sel, i, from, next)
	}
	return v
}

// add notes that a descent takes word i of the states from one value to the
// next.
func (v *Preview) add(s *Selector, i int, from, next uint64) {
	hit := next & s.accept[i]
	if hit != 0 && v.Rule < 0 {
		v.Rule = s.ruleOf(i, hit)
	}
	v.DeadEnd = v.DeadEnd && next == hit
	v.Unchanged = v.Unchanged && next == from
}

// Equal reports whether rules match at and below the place of c exactly as at
// and below the place of other, a Cursor of the same Selector.
func (c *Cursor) Equal(other Cursor) bool { return slices.Equal(c.top(), other.top()) }

// AppendState appends to dst bytes that are the same for two places of one
// Selector if and only if the places are Equal. A format that knows its
// documents before it reads one compiles a table for each state.
func (c *Cursor) AppendState(dst []byte) []byte {
	for _, state := range c.top() {
		dst = binary.LittleEndian.AppendUint64(dst, state)
	}
	return dst
}

func (c *Cursor) top() []uint64 { return c.states[len(c.states)-c.sel.words:] }

// ruleOf returns the rule of the lowest bit of hit, of word i.
func (s *Selector) ruleOf(i int, hit uint64) int {
	return int(s.rules[i*64+bits.TrailingZeros64(hit)])
}

// An Alias is one name of a value that goes by several: it is the member Name,
// and the element at Index of all members with that name. XML has such values:
// an element has a name with and without its namespace, and its siblings of the
// same name make a list.
type Alias struct{ Name, Index Step }

// Indexes of an [Alias] that are no steps.
const (
	NoIndex   Step = -1 // the value is no element of a list
	SomeIndex Step = -2 // the index is not known: every index matches
)

// DescendAs goes down to a value that has the given names: a rule matches at
// and below it that matches by one of them. As an element the value is matched
// by its index and by [*], and not by .*, which means the members of a value.
// Name is never negative.
func (c *Cursor) DescendAs(names ...Alias) {
	base := len(c.states) - c.sel.words
	for i := range c.sel.words {
		c.states = append(c.states, c.sel.as(i, c.states[base+i], names))
	}
}

// Peek returns what c.DescendAs(a) would lead to.
func (a Alias) Peek(c *Cursor) Preview {
	v := Preview{-1, true, true}
	names := [...]Alias{a}
	for i, from := range c.top() {
		next := c.sel.as(i, from, names[:])
		v.add(c.sel, i, from, next)
	}
	return v
}

// as returns what word i of the states becomes.
func (s *Selector) as(i int, from uint64, names []Alias) uint64 {
	next := from & s.loop[i]
	for _, n := range names {
		member := (from&s.masks[int(n.Name)*s.words+i])<<1 | from&s.loop[i]
		next |= member
		switch n.Index {
		case NoIndex:
		case SomeIndex:
			next |= (member & (s.nth[i] | s.listed[i])) << 1
		default:
			next |= (member & (s.masks[int(n.Index)*s.words+i]&s.nth[i] | s.listed[i])) << 1
		}
	}
	return next
}
