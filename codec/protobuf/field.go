package protobuf

import (
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/sealmesh/sealmesh/codec"
)

// Messages that the JSON of protobuf writes in a way of their own.
const (
	anyName    = "google.protobuf.Any"
	structName = "google.protobuf.Struct"
	valueName  = "google.protobuf.Value"
	listName   = "google.protobuf.ListValue"
	stringName = "google.protobuf.StringValue"
	bytesName  = "google.protobuf.BytesValue"
)

// hasOneValue reports whether a rule that ends at m means a string or bytes in
// it.
func hasOneValue(m protoreflect.MessageDescriptor) bool {
	switch m.FullName() {
	case valueName, stringName, bytesName:
		return true
	}
	return false
}

// fill gives a table its fields.
func (c *Compiler) fill(j job) {
	t := j.table
	if j.message.FullName() == anyName && t.live {
		t.slots, t.ordered, t.names = 2, true, make(map[string]int)
		t.set(1, field{do: typeURL, wire: lengthWire, slot: -1, to: noTarget})
		t.set(2, field{do: anyValue, wire: lengthWire, slot: -1, to: noTarget})
		c.anys = append(c.anys, j)
		return
	}
	for _, d := range c.types.Fields(j.message) {
		t.set(uint32(d.Number()), c.field(t, d, c.place(j, d)))
	}
}

var noTarget = target{rule: -1}

// place returns the place of a field of j's message. The fields of some
// messages are at the place of the message itself.
func (c *Compiler) place(j job, d protoreflect.FieldDescriptor) codec.Cursor {
	switch j.message.FullName() {
	case structName, valueName, listName:
		return j.at
	case stringName, bytesName:
		if j.at.Owner() >= 0 {
			return j.at
		}
	}
	if j.message.IsMapEntry() {
		return j.at
	}
	name, json := string(d.Name()), d.JSONName()
	if d.IsExtension() {
		name = "[" + string(d.FullName()) + "]"
		json = name
	}
	return descend(j.at, c.sel.Named([]byte(name)), c.sel.Named([]byte(json)))
}

// descend returns the place below at.
func descend(at codec.Cursor, a, b codec.Step) (below codec.Cursor) {
	below.Set(at)
	below.Advance(a, b)
	return below
}

// field compiles a field at a place.
func (c *Compiler) field(t *Table, d protoreflect.FieldDescriptor, at codec.Cursor) field {
	f := field{wire: wireOf(d.Kind()), slot: -1, to: noTarget}
	switch entry := d.ContainingMessage().IsMapEntry(); {
	case entry && d.Number() == 1:
		f.do = plain(d.Kind())
	case d.IsMap():
		c.mapOf(&f, d, at)
	case d.IsList():
		f.packs = f.wire != lengthWire && f.wire != noWire
		c.list(t, &f, d, at)
	default:
		f.single = true
		f.do, f.to = c.value(d, at)
	}
	return f
}

// plain returns the action for a value that no rule can own.
func plain(k protoreflect.Kind) action {
	switch k {
	case protoreflect.StringKind:
		return text
	case protoreflect.BytesKind:
		return data
	}
	return scalar
}

// value compiles a value of a field: the only one, an element, or the value of
// a map's entry.
func (c *Compiler) value(d protoreflect.FieldDescriptor, at codec.Cursor) (action, target) {
	rule := at.Owner()
	switch do := plain(d.Kind()); {
	case do != scalar:
		if rule >= 0 {
			c.fits[rule] = true
		}
		return do, target{rule: int32(rule)}
	case d.ContainingMessage().FullName() == valueName && rule >= 0:
		if d.Kind() == protoreflect.EnumKind {
			return scalar, noTarget // null
		}
		return untaggable, noTarget
	case d.Kind() == protoreflect.MessageKind && (rule < 0 || hasOneValue(d.Message())):
		return message, target{-1, c.table(d.Message(), at)}
	case rule >= 0:
		c.unfit(rule, d.FullName(), "of type "+d.Kind().String(), d.ContainingMessage().IsMapEntry())
		return untaggable, noTarget
	}
	return scalar, noTarget
}

// list compiles a repeated field at a place.
func (c *Compiler) list(t *Table, f *field, d protoreflect.FieldDescriptor, at codec.Cursor) {
	if rule := at.Owner(); rule >= 0 {
		c.unfit(rule, d.FullName(), "repeated (name its elements: [*])", false)
		f.do = untaggable
		return
	}
	others := descend(at, codec.AnyStep, codec.AnyStep)
	f.do, f.to = c.value(d, others)
	steps := c.steps(at, c.isIndex)
	if steps == nil {
		return
	}
	f.slot = int32(t.slots)
	t.slots++
	t.ordered = true
	for _, place := range steps {
		do, to := c.value(d, place)
		if do == untaggable {
			f.do = do
		}
		f.steps = append(f.steps, to)
	}
}

// mapOf compiles a map at a place. The table of an entry has the place of the
// value.
func (c *Compiler) mapOf(f *field, d protoreflect.FieldDescriptor, at codec.Cursor) {
	if rule := at.Owner(); rule >= 0 {
		c.unfit(rule, d.FullName(), "a map (name its members: .*)", false)
		f.do = untaggable
		return
	}
	f.do, f.to.next = message, c.table(d.Message(), descend(at, codec.AnyStep, codec.AnyStep))
	key := d.MapKey().Kind()
	for _, place := range c.steps(at, func(s codec.Step) bool { return c.isKey(s, key) }) {
		f.do, f.key = keyed, key
		f.steps = append(f.steps, target{-1, c.table(d.Message(), place)})
	}
}

// isIndex reports whether a step is to an index that a rule names.
func (c *Compiler) isIndex(s codec.Step) bool {
	_, named := c.names[s]
	return !named && s != codec.AnyStep
}

// isKey reports whether a step can be to the key of a map.
func (c *Compiler) isKey(s codec.Step, kind keyKind) bool {
	name, named := c.names[s]
	switch {
	case !named || kind == protoreflect.StringKind:
		return named
	case kind == protoreflect.BoolKind:
		return name == "true" || name == "false"
	}
	return name != "" && strings.Trim(name, "-0123456789") == ""
}

// steps returns the place that each step leads to from at, or nil if all lead
// to the same. Steps that are not possible lead where AnyStep does.
func (c *Compiler) steps(at codec.Cursor, possible func(codec.Step) bool) []codec.Cursor {
	others := descend(at, codec.AnyStep, codec.AnyStep)
	all, same := make([]codec.Cursor, c.sel.Steps()), true
	for i := range all {
		all[i] = others
		if s := codec.Step(i); possible(s) {
			all[i] = descend(at, s, s)
			same = same && all[i].Equal(others)
		}
	}
	if same {
		return nil
	}
	return all
}
