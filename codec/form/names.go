package form

import (
	"bytes"
	"cmp"

	"github.com/sealmesh/sealmesh/codec"
)

// A Dialect is a way in which applications read the names of a form. The
// numbers are bits, so that a value can be several dialects.
type Dialect uint8

// The dialects, by the names that the setting "names" gives them.
const (
	Literal  Dialect = 1 << iota // the name is one member
	Brackets                     // user[ssn], list[], list[0] (qs, Rack)
	PHP                          // brackets, and a dot, a blank or an unclosed bracket is an underscore
	Dots                         // user.ssn, list[0].ssn (Spring, ASP.NET, qs with allowDots)
	All      = Literal | Brackets | PHP | Dots
)

// NamesSetting is the setting that says in which dialects names are read.
const NamesSetting = "names"

var dialects = map[string]Dialect{
	"": All, "all": All, "literal": Literal, "brackets": Brackets, "php": PHP, "dots": Dots,
}

// DialectOf returns the dialects that o says; All where it says nothing.
func DialectOf(o codec.Options) (Dialect, error) {
	d, ok := dialects[o.Settings[NamesSetting]]
	if !ok {
		return 0, &codec.SettingError{Setting: NamesSetting, Detail: "not all, literal, brackets, php or dots"}
	}
	return d, nil
}

// Names finds the places that the name of a form's value stands for. A name
// that occurs twice is an array in most applications, so a value is also an
// element of its own place, whose index is not known. Not safe for concurrent
// use; the zero value needs Reset.
type Names struct {
	dialect Dialect
	at      codec.Cursor // the form
	walk    codec.Cursor // the place that a dialect has come to
	outer   codec.Cursor // where walk was before
	places  codec.Cursor // where all dialects have come to

	// While a dialect reads a name: the name of a root member to look for, and
	// whether it was read. In place of walk, if sought is not empty.
	sought string
	first  bool
	met    bool
}

// Reset readies n for the names of a form at a place of a document. No dialect
// means All.
func (n *Names) Reset(at codec.Cursor, d Dialect) {
	n.dialect = cmp.Or(d, All)
	n.at.Set(at)
	n.walk.Set(at)
	n.places.Set(at)
}

// Free forgets the Selector, and keeps memory for the next Reset.
func (n *Names) Free() {
	n.at.Reset()
	n.walk.Reset()
	n.outer.Reset()
	n.places.Reset()
}

// Find returns the rule that owns the value of name, decoded, or -1. Where the
// dialects give several rules, the most specific owns the value.
func (n *Names) Find(name []byte) (rule int) {
	if rule = n.at.Owner(); rule >= 0 {
		return rule
	}
	n.places.Clear()
	n.read(n.dialect, name)
	return n.places.Owner()
}

// Other returns the rule that owns the values of names that no rule has, or -1.
// It is not asked of names that a dialect reads as more than one member.
func (n *Names) Other() (rule int) {
	if rule = n.at.Owner(); rule >= 0 {
		return rule
	}
	n.places.Clear()
	n.start()
	n.walk.Advance(codec.AnyStep)
	n.end()
	return n.places.Owner()
}

// Places returns all places of the name that Find was last called for. The
// Cursor is valid until the next call of Find.
func (n *Names) Places() codec.Cursor { return n.places }

// Root reports whether some dialect takes name, decoded, for the root member
// called member, in any case, or for a value in it.
func (n *Names) Root(name []byte, member string) bool {
	n.sought, n.met = member, false
	n.read(All, name)
	n.sought = ""
	return n.met
}

// read reads name by each of the dialects.
func (n *Names) read(d Dialect, name []byte) {
	if d&Literal != 0 || isPlain(name) {
		n.start()
		n.key(name)
		n.end()
		if isPlain(name) {
			return
		}
	}
	if d != Literal && isUsual(name) {
		n.readGroups(name, false)
		if d&(Brackets|Dots) != 0 {
			n.readRuns(name)
		}
		return
	}
	if d&Brackets != 0 {
		n.readGroups(name, false)
		n.readRuns(name)
	}
	if d&PHP != 0 {
		n.readPHP(name)
	}
	if d&Dots != 0 {
		n.readGroups(name, true)
		n.readPath(name)
		n.readDots(name)
	}
}

// isPlain reports whether name is one member in every dialect.
func isPlain(name []byte) bool {
	for _, c := range name {
		if nameClass[c] == nameDialect {
			return false
		}
	}
	return true
}

// isUsual reports whether name is written as user[ssn] is: words, all but the
// first in brackets. Then every reading is that of readGroups or of readRuns.
func isUsual(name []byte) bool {
	n := wordLen(name)
	for i := n; n > 0 && i < len(name); i += n + len("[]") {
		n = wordLen(name[i+1:])
		if name[i] != '[' || i+1+n == len(name) || name[i+1+n] != ']' {
			return false
		}
	}
	return n > 0
}

// wordLen returns how many letters, digits, underscores and hyphens p begins
// with.
func wordLen(p []byte) int {
	for i, c := range p {
		if !isLetter(c) && c-'0' > 9 && c != '_' && c != '-' {
			return i
		}
	}
	return len(p)
}

// start begins to read a name by a dialect.
func (n *Names) start() {
	n.first = true
	if n.sought == "" {
		n.walk.Set(n.at)
	}
}

// key goes down to a member, which is an element too if its name can be an
// index. It returns false if a rule owns that place: what follows in the name
// is inside the owned value.
func (n *Names) key(name []byte) (more bool) {
	if n.sought != "" {
		n.met = n.met || n.first && bytes.EqualFold(name, []byte(n.sought))
		n.first = false
		return true
	}
	return n.down(name, mayBeIndex(name))
}

// group goes down by what is between brackets. It may be an element, whatever
// its name: ASP.NET takes x for an index where the form has list.index=x, and
// qs numbers elements again.
func (n *Names) group(inside []byte) (more bool) {
	switch {
	case len(inside) == 0:
		return n.element()
	case n.sought != "":
		return n.key(inside)
	}
	return n.down(inside, true)
}

// down goes down to a member, which may be an element too. Where Rails would
// read a piece of a value, the member is that value.
func (n *Names) down(name []byte, element bool) (more bool) {
	sel := n.walk.Selector()
	step := sel.Named(name)
	steps := [...]codec.Step{step, step, step}
	if element {
		steps[1] = sel.SomeElement()
	}
	if whole, ok := cutPiece(name); ok && n.dialect&Brackets != 0 {
		steps[2] = sel.Named(whole)
	}
	n.walk.Advance(steps[:]...)
	return n.walk.Owner() < 0
}

// element goes down to an element whose index is not known.
func (n *Names) element() (more bool) {
	n.first = false
	if n.sought == "" {
		n.walk.Advance(n.walk.Selector().SomeElement())
		return n.walk.Owner() < 0
	}
	return true
}

// end adds the place that a dialect has come to, and its elements.
func (n *Names) end() {
	if n.sought != "" {
		return
	}
	n.places.Join(&n.walk)
	if n.walk.Owner() < 0 {
		n.element()
		n.places.Join(&n.walk)
	}
}

// mayBeIndex reports whether some application reads name as an index. Java
// reads digits of any script, and a sign.
func mayBeIndex(name []byte) bool {
	for _, c := range name {
		if isLetter(c) {
			return false
		}
	}
	return true
}
