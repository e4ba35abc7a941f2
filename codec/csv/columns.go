package csv

import (
	"bytes"
	"strings"
	"unicode"

	"github.com/sealmesh/sealmesh/codec"
)

// A column is a column that a rule owns in usual rows.
type column struct{ at, rule int }

// columns says which rule owns a field. A row is usual if no rule names it by
// its index: then the rules of its fields are in a table.
type columns struct {
	sel     *codec.Selector // nil: there are no rules
	cursor  codec.Cursor    // at the row
	root    int             // the rule that owns the root, or -1
	indexed bool            // rules name rows or columns by index
	steps   []codec.Step    // to the columns by their names
	used    []bool          // by step to a name: a column has the name
	owned   []column        // of usual rows
	usual   bool            // the row is
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
	c.next, c.usual = 0, !first
	if !c.indexed {
		return
	}
	step := c.sel.Indexed(index)
	c.cursor.Up()
	c.cursor.Descend(step)
	c.usual = c.usual && step == codec.AnyStep
}

// stop returns the next column of a usual row that a rule owns, or count.
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
	case names:
		return -1
	case !c.usual:
		return c.rule(at)
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

// rule returns the rule that owns the field of a column in this row, or -1.
func (c *columns) rule(at int) int {
	if c.sel == nil {
		return -1
	}
	if c.root >= 0 {
		return c.root
	}
	rule := c.cursor.Owner()
	if rule < 0 && at < len(c.steps) {
		rule = c.cursor.Peek(c.steps[at]).Rule
	}
	if rule < 0 {
		rule = c.cursor.Peek(c.sel.Indexed(at)).Rule
	}
	return rule
}

// build makes the table of usual rows that have n fields.
func (c *columns) build(n int) {
	if c.sel == nil {
		return
	}
	c.cursor.Up()
	c.cursor.Descend(codec.AnyStep)
	for at := range n {
		if rule := c.rule(at); rule >= 0 {
			c.owned = append(c.owned, column{at, rule})
		}
	}
}

// misses reports whether there are rules, and none owns the column in usual
// rows.
func (c *columns) misses(at int) bool {
	return c.sel != nil && c.sel.Len() > 0 && (len(c.owned) <= at || c.owned[at].at != at)
}

// hides reports whether a reader that trims names, or that splits them at one
// of the bytes of others, may find in name the name that a rule uses.
func (c *columns) hides(name []byte, others string) bool {
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

// isAround reports whether readers of some dialects take r away from the ends
// of a name.
func isAround(r rune) bool {
	return unicode.IsSpace(r) || strings.ContainsRune("\u200b\ufeff'`\"", r)
}

// reset forgets the body, and keeps memory.
func (c *columns) reset() {
	c.cursor.Reset()
	clear(c.used)
	cursor, steps, used, owned := c.cursor, c.steps[:0], c.used[:0], c.owned[:0]
	*c = columns{}
	c.cursor, c.steps, c.used, c.owned = cursor, steps, used, owned
}
