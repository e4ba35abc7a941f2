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
	top := c.states[len(c.states)-c.sel.words:]
	for i, accept := range c.sel.accept {
		if top[i]&^accept != 0 {
			return true
		}
	}
	return false
}

func (c *Cursor) step(row int) int {
	words := c.sel.words
	mask := c.sel.masks[row*words:]
	base := len(c.states) - words
	for i, loop := range c.sel.loop {
		from := c.states[base+i]
		c.states = append(c.states, (from&mask[i])<<1|from&loop)
	}
	return c.owner()
}

func (c *Cursor) owner() int {
	top := c.states[len(c.states)-c.sel.words:]
	for i, accept := range c.sel.accept {
		if hit := top[i] & accept; hit != 0 {
			return int(c.sel.rules[i*64+bits.TrailingZeros64(hit)])
		}
	}
	return -1
}
