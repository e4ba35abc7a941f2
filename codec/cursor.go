package codec

import "math/bits"

// A Cursor is where a walker stands in a document, as its [Selector] sees it. The
// walker of any format descends with Member and Element and returns with Up; each
// descent says which rule owns the value, or -1. What members and elements are,
// each format documents.
//
// Its memory grows to the deepest descent and is kept. Not safe for concurrent use.
type Cursor struct {
	sel    *Selector
	states []uint64 // sel.words for each level, the deepest last
}

// Start puts c at the root of a document and returns the rule that owns the root.
func (c *Cursor) Start(s *Selector) (rule int) {
	c.sel = s
	c.states = append(c.states[:0], s.start...)
	return c.owner()
}

// Member descends to the member called name, which is compared as it is: the
// walker decodes escapes first.
func (c *Cursor) Member(name []byte) (rule int) {
	return c.step(c.sel.names.find(name))
}

// Element descends to the element at index, counted from zero.
func (c *Cursor) Element(index int) (rule int) {
	return c.step(c.sel.indexRow(index))
}

// Up undoes one descent.
func (c *Cursor) Up() { c.states = c.states[:len(c.states)-c.sel.words] }

// Live reports whether a rule can match below this value. Where it cannot, a
// walker need not descend.
func (c *Cursor) Live() bool {
	for i, state := range c.top() {
		if state&^c.sel.accept[i] != 0 {
			return true
		}
	}
	return false
}

func (c *Cursor) top() []uint64 { return c.states[len(c.states)-c.sel.words:] }

func (c *Cursor) owner() int {
	for i, state := range c.top() {
		if hit := state & c.sel.accept[i]; hit != 0 {
			return c.sel.ruleOf(i, hit)
		}
	}
	return -1
}

// step descends by a row of the Selector's masks and returns the owner.
func (c *Cursor) step(row int) int {
	c.descend(row)
	return c.owner()
}

func (c *Cursor) descend(row int) {
	mask := c.sel.masks[row*c.sel.words:]
	base := len(c.states) - c.sel.words
	for i, loop := range c.sel.loop {
		from := c.states[base+i]
		c.states = append(c.states, (from&mask[i])<<1|from&loop)
	}
}

// An outlook is what becomes of a value one level down.
type outlook struct {
	other  int  // the rule that owns it, or -1
	hollow bool // nothing below it can have an owner
	alike  bool // a cursor would stand there as it stands here
}

// look gives the outlook for a step by row, without descending.
func (c *Cursor) look(row int) outlook {
	v := outlook{-1, true, true}
	mask := c.sel.masks[row*c.sel.words:]
	for i, from := range c.top() {
		to := (from&mask[i])<<1 | from&c.sel.loop[i]
		hit := to & c.sel.accept[i]
		if hit != 0 && v.other < 0 {
			v.other = c.sel.ruleOf(i, hit)
		}
		v.hollow = v.hollow && to == hit
		v.alike = v.alike && to == from
	}
	return v
}

// ruleOf returns the rule of the lowest bit of hit, of word i.
func (s *Selector) ruleOf(i int, hit uint64) int {
	return int(s.rules[i*64+bits.TrailingZeros64(hit)])
}
