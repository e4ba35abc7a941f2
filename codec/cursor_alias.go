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
	s, base := c.sel, len(c.states)-c.sel.words
	for i, loop := range s.loop {
		from := c.states[base+i]
		next := from & loop
		for _, n := range names {
			member := (from&s.masks[int(n.Name)*s.words+i])<<1 | from&loop
			next |= member
			switch n.Index {
			case NoIndex:
			case SomeIndex:
				next |= (member & (s.nth[i] | s.listed[i])) << 1
			default:
				next |= (member & (s.masks[int(n.Index)*s.words+i]&s.nth[i] | s.listed[i])) << 1
			}
		}
		c.states = append(c.states, next)
	}
}
