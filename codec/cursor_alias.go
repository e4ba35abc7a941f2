package codec

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

// PeekAs returns what DescendAs would lead to.
func (c *Cursor) PeekAs(names ...Alias) Preview {
	v := Preview{-1, true, true}
	for i, from := range c.top() {
		next := c.sel.as(i, from, names)
		hit := next & c.sel.accept[i]
		if hit != 0 && v.Rule < 0 {
			v.Rule = c.sel.ruleOf(i, hit)
		}
		v.DeadEnd = v.DeadEnd && next == hit
		v.Unchanged = v.Unchanged && next == from
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
