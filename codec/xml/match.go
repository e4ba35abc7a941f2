package xml

import (
	"slices"
	"strings"

	"github.com/sealmesh/sealmesh/codec"
)

// Tables are what Check finds out about the names of rules.
type tables struct {
	spaces  []string // namespaces that rules name
	indexed bool     // rules name elements by index
	fold    bool     // names have no case

	// Local names with a namespace, of elements and of attributes, local names
	// of attributes, and other names: the index is the first byte, and bit n is
	// set if rules name one of n bytes. A set bit is only a hint.
	spaced, spacedAttribute, attribute, member nameHints
}

type nameHints [256]uint64

func (h *nameHints) add(local string, fold bool) {
	if fold { // the first byte and the length may differ
		for c := range h {
			h[c] = ^uint64(0)
		}
	} else if local != "" {
		h[local[0]] |= 1 << min(len(local), 63)
	}
}

// may reports whether rules may name local.
func (h *nameHints) may(local []byte) bool {
	return len(local) > 0 && h[local[0]]>>min(len(local), 63)&1 != 0
}

func newTables(s *codec.Selector) *tables {
	t := &tables{indexed: s.HasIndexes(), fold: s.Folds()}
	for _, n := range s.Names() {
		local, attribute := strings.CutPrefix(n, "@")
		space, name, ok := strings.Cut(strings.TrimPrefix(local, "{"), "}")
		switch ok = ok && local[0] == '{'; {
		case ok && attribute:
			t.spacedAttribute.add(name, t.fold)
		case ok:
			t.spaced.add(name, t.fold)
		case attribute:
			t.attribute.add(local, t.fold)
		default:
			t.member.add(n, t.fold)
		}
		if ok && !slices.Contains(t.spaces, space) {
			t.spaces = append(t.spaces, space)
		}
	}
	return t
}

// names reports whether rules may name a namespace.
func (t *tables) names(space []byte) bool {
	return contains(t.spaces, space) || t.fold && len(t.spaces) > 0
}

// A matcher finds the rule that owns an element or an attribute. It is at the
// innermost open element, where a rule may own something in it.
type matcher struct {
	sel    *codec.Selector // nil: there are no rules
	root   codec.Cursor
	tables *tables
	live   bool // a rule may own something in the innermost element

	cursor codec.Cursor
	below  codec.Preview   // of elements that no rule names
	outer  []codec.Preview // of the elements around
	counts []count         // of elements that rules name
	first  int             // where the counts of the innermost element begin
	name   []byte          // scratch
}

// A count is how many elements with one name have begun in an element.
type count struct {
	step codec.Step
	n    int
}

// A place is what leave needs to undo an enter.
type place struct {
	live      bool // matcher.live around the element
	descended bool
	counting  bool // the element has counts of its own
	first     int  // matcher.first around it
}

// unnamed is an element that no rule names. Such elements are not counted, so a
// rule for any index may match.
var unnamed = codec.Alias{Name: codec.AnyStep, Index: codec.SomeIndex}

func (m *matcher) begin(at codec.Cursor, t *tables) {
	m.sel, m.root, m.tables = at.Selector(), at, t
}

// restart goes to the root of a document.
func (m *matcher) restart() {
	m.counts, m.outer, m.first = m.counts[:0], m.outer[:0], 0
	if m.live = m.sel != nil; m.live {
		m.cursor.Set(m.root)
		m.live, m.below = m.cursor.Live(), unnamed.Peek(&m.cursor)
	}
}

func (m *matcher) free() {
	m.cursor.Reset()
	m.name = wiped(m.name)
	m.sel, m.tables, m.root = nil, nil, codec.Cursor{}
}

// enter goes to an element, and returns the rule that owns its content, or -1.
// space is its namespace, and named says whether rules name that namespace.
// below says whether a rule may own an attribute of the element.
func (m *matcher) enter(local, space []byte, named bool) (at place, owner int, below bool) {
	alike := m.asAttribute(local)
	if at, owner, below = m.enterNamed(local, space, named); owner < 0 {
		owner = alike
	}
	return at, owner, below
}

// enterNamed is enter for rules that name elements.
func (m *matcher) enterNamed(local, space []byte, named bool) (at place, owner int, below bool) {
	at = place{live: m.live, first: m.first}
	name, spaced := m.sel.Named(local), codec.AnyStep
	if named && m.tables.spaced.may(local) {
		spaced = m.sel.Named(m.qualified("{", space, "}", local))
	}
	if name == codec.AnyStep && spaced == codec.AnyStep {
		if m.below.DeadEnd || m.below.Unchanged {
			if m.live = !m.below.DeadEnd; m.live {
				at.counting, m.first = true, len(m.counts)
			}
			return at, m.below.Rule, m.live
		}
		m.cursor.DescendAs(unnamed)
	} else if spaced == codec.AnyStep {
		m.cursor.DescendAs(m.alias(name))
	} else {
		m.cursor.DescendAs(m.alias(name), m.alias(spaced))
	}
	at.descended, at.counting = true, true
	m.outer = append(m.outer, m.below)
	m.first = len(m.counts)
	if m.live = m.cursor.Live(); m.live {
		m.below = unnamed.Peek(&m.cursor)
	}
	return at, m.cursor.Owner(), m.live
}

// asAttribute returns the rule that would own an element if it were an
// attribute, or -1. To some readers (Jackson, xml2js with mergeAttrs) both are
// members of one kind: so a rule for one owns the other, if no rule for its own
// kind does.
func (m *matcher) asAttribute(local []byte) (owner int) {
	if !m.tables.attribute.may(local) {
		return -1
	}
	name := m.sel.Named(m.qualified("@", nil, "", local))
	if name == codec.AnyStep {
		return -1
	}
	return codec.Alias{Name: name, Index: codec.NoIndex}.Peek(&m.cursor).Rule
}

// asElement returns the rule that would own an attribute if it were an element
// of the innermost one, or -1.
func (m *matcher) asElement(local []byte) (owner int) {
	if !m.tables.member.may(local) {
		return -1
	}
	name := m.sel.Named(local)
	if name == codec.AnyStep {
		return -1
	}
	return codec.Alias{Name: name, Index: codec.SomeIndex}.Peek(&m.cursor).Rule
}

// leave undoes enter.
func (m *matcher) leave(at place) {
	if at.descended {
		m.cursor.Up()
		top := len(m.outer) - 1
		m.below, m.outer = m.outer[top], m.outer[:top]
	}
	if at.counting {
		m.counts, m.first = m.counts[:m.first], at.first
	}
	m.live = at.live
}

// alias returns what an element is called by a name, and counts it.
func (m *matcher) alias(name codec.Step) codec.Alias {
	if name == codec.AnyStep || !m.tables.indexed {
		return codec.Alias{Name: name, Index: codec.SomeIndex}
	}
	for i := m.first; i < len(m.counts); i++ {
		if c := &m.counts[i]; c.step == name {
			c.n++
			return codec.Alias{Name: name, Index: m.sel.Indexed(c.n - 1)}
		}
	}
	m.counts = append(m.counts, count{name, 1})
	return codec.Alias{Name: name, Index: m.sel.Indexed(0)}
}

// attribute returns the rule that owns an attribute of the element, or -1.
func (m *matcher) attribute(local, space []byte, named bool) (owner int) {
	name, spaced := codec.AnyStep, codec.AnyStep
	if m.tables.attribute.may(local) {
		name = m.sel.Named(m.qualified("@", nil, "", local))
	}
	if named && m.tables.spacedAttribute.may(local) {
		spaced = m.sel.Named(m.qualified("@{", space, "}", local))
	}
	if name == codec.AnyStep && spaced == codec.AnyStep {
		owner = m.cursor.Peek(codec.AnyStep).Rule
	} else {
		m.cursor.DescendAs(codec.Alias{Name: name, Index: codec.NoIndex}, codec.Alias{Name: spaced, Index: codec.NoIndex})
		owner = m.cursor.Owner()
		m.cursor.Up()
	}
	if owner < 0 {
		return m.asElement(local)
	}
	return owner
}

// qualified returns a name as rules have it. It is valid until the next call.
func (m *matcher) qualified(before string, space []byte, after string, local []byte) []byte {
	m.name = append(append(append(append(m.name[:0], before...), space...), after...), local...)
	return m.name
}
