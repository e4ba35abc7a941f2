package csv

import (
	"bytes"
	"strings"
	"unicode"

	"github.com/sealmesh/sealmesh/codec"
)

// A column is a column that a rule owns in the row.
type column struct{ at, rule int }

// A label is what rules may name a column by.
type label struct {
	at          int
	name, index codec.Step // AnyStep where no rule does
}

// columns says which rule owns a field. A row is usual if no rule names it by
// its index. Once the number of columns is known, the rules of the fields of
// the row are in a table.
type columns struct {
	sel     *codec.Selector // nil: there are no rules
	cursor  codec.Cursor    // at the row
	row     codec.Step      // to the row: AnyStep if it is usual
	root    int             // the rule that owns the root, or -1
	indexed bool            // rules name rows or columns by index
	steps   []codec.Step    // to the columns by their names
	used    []bool          // by step to a name: a column has the name
	count   int             // of columns
	labels  []label         // of the columns that rules name
	known   bool            // owned is that of the row
	owned   []column        // of the row
	next    int             // the index in owned of the next column to come
}

// begin readies c for a body whose root is at a place of a document.
func (c *columns) begin(at codec.Cursor) {
	if c.sel = at.Selector(); c.sel == nil {
		return
	}
	c.cursor.Set(at)
	c.root, c.indexed = c.cursor.Owner(), c.sel.HasIndexes()
	c.cursor.Descend(codec.AnyStep)
}

// reaches reports whether a rule can own a field of a body whose root is at
// that place.
func (c *columns) reaches(at codec.Cursor, rows, fields []codec.Step) bool {
	defer c.cursor.Reset()
	c.cursor.Set(at)
	if c.cursor.Owner() >= 0 {
		return true
	}
	for _, row := range rows {
		c.cursor.Descend(row)
		for _, field := range fields {
			if c.cursor.Owner() >= 0 || c.cursor.Peek(field).Rule >= 0 {
				return true
			}
			if !c.cursor.Live() {
				break
			}
		}
		c.cursor.Up()
	}
	return false
}

// name adds the next column. It returns false if a column of that name is there
// already, and a rule uses the name.
func (c *columns) name(name []byte) (used, ok bool) {
	step := c.sel.Named(name)
	c.steps = append(c.steps, step)
	if step == codec.AnyStep {
		return false, true
	}
	for len(c.used) <= int(step) {
		c.used = append(c.used, false)
	}
	ok = !c.used[step]
	c.used[step] = true
	return true, ok
}

// enter goes to the row at index. first says that the number of columns is not
// known yet.
func (c *columns) enter(index int, first bool) {
	c.next, c.known = 0, !first
	if c.continues(index) {
		return
	}
	c.row = c.sel.Indexed(index)
	c.cursor.Up()
	c.cursor.Descend(c.row)
	if c.known {
		c.own()
	}
}

// continues reports whether the rules of the row at index are those of the row
// before it.
func (c *columns) continues(index int) bool { return !c.indexed || c.sel.Indexed(index) == c.row }

// stop returns the next column of the row that a rule owns, or count.
func (c *columns) stop(count int) int {
	if c.next < len(c.owned) {
		return c.owned[c.next].at
	}
	return count
}

// take returns the rule that owns the field at, which begins, or -1. names says
// that the line has names.
func (c *columns) take(at int, names bool) int {
	switch {
	case names, c.sel == nil:
		return -1
	case !c.known:
		return c.rule(c.labelOf(at))
	case c.stop(-1) == at:
		c.next++
		return c.owned[c.next-1].rule
	}
	return -1
}

// takes reports whether the rule that owns a field, which may be -1, takes an
// envelope in it.
func (c *columns) takes(rule int) bool {
	if rule < 0 {
		return false
	}
	r := c.sel.Rule(rule)
	return r.Open || r.Envelopes
}

// labelOf returns what rules may name a column by.
func (c *columns) labelOf(at int) label {
	k := label{at: at, index: c.sel.Indexed(at)}
	if at < len(c.steps) {
		k.name = c.steps[at]
	}
	return k
}

// rule returns the rule that owns the field of a column in this row, or -1.
func (c *columns) rule(k label) int {
	if c.root >= 0 {
		return c.root
	}
	rule := c.cursor.Owner()
	if rule < 0 && k.at < len(c.steps) {
		rule = c.cursor.Peek(k.name).Rule
	}
	if rule < 0 {
		rule = c.cursor.Peek(k.index).Rule
	}
	return rule
}

// build makes the table of usual rows that have n fields.
func (c *columns) build(n int) {
	if c.sel == nil {
		return
	}
	c.count = n
	for at := range n {
		if k := c.labelOf(at); k.name != codec.AnyStep || k.index != codec.AnyStep {
			c.labels = append(c.labels, k)
		}
	}
	c.row = codec.AnyStep
	c.cursor.Up()
	c.cursor.Descend(c.row)
	c.own()
}

// own makes the table of the row.
func (c *columns) own() {
	c.owned = c.owned[:0]
	if c.rule(label{}) < 0 {
		for _, k := range c.labels {
			c.add(k)
		}
		return
	}
	for at := range c.count {
		c.add(c.labelOf(at))
	}
}

func (c *columns) add(k label) {
	if rule := c.rule(k); rule >= 0 {
		c.owned = append(c.owned, column{k.at, rule})
	}
}

// misses reports whether there are rules, and none owns the column in the row.
func (c *columns) misses(at int) bool {
	return c.sel != nil && c.sel.Len() > 0 && (len(c.owned) <= at || c.owned[at].at != at)
}

// hides reports whether a reader that trims names, or that splits them at one
// of the bytes of others, may find in name the name that a rule uses.
func (c *columns) hides(name []byte, others string) bool {
	if isWord(name) {
		return false // name itself is none that a rule uses
	}
	for {
		piece, rest := name, []byte(nil)
		k := bytes.IndexAny(name, others)
		if k >= 0 {
			piece, rest = name[:k], name[k+1:]
		}
		if c.sel.Named(bytes.TrimFunc(piece, isAround)) != codec.AnyStep {
			return true
		}
		if k < 0 {
			return false
		}
		name = rest
	}
}

// isWord reports whether name has only letters, digits and underscores.
func isWord(name []byte) bool {
	for _, c := range name {
		if c-'0' > 9 && c|0x20-'a' > 'z'-'a' && c != '_' {
			return false
		}
	}
	return true
}

// isAround reports whether readers of some dialects take r away from the ends
// of a name.
func isAround(r rune) bool {
	return unicode.IsSpace(r) || strings.ContainsRune("\u200b\ufeff'`\"", r)
}

// reset forgets the body, and keeps memory.
func (c *columns) reset() {
	c.cursor.Reset()
	clear(c.used)
	*c = columns{cursor: c.cursor, steps: c.steps[:0], used: c.used[:0], labels: c.labels[:0], owned: c.owned[:0]}
}
