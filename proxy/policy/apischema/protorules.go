package apischema

import (
	"cmp"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/sealmesh/sealmesh/codec"
)

// maxNames bounds the rules of one value: each of its fields with a name of its
// own in JSON doubles them.
const maxNames = 64

// rules returns the rules of the bodies that are one message, in order. json
// adds those for the names of JSON.
func (s *protoSet) rules(m protoreflect.MessageDescriptor, json bool) ([]Rule, error) {
	w := &protoWalker{protoSet: s, seen: make(map[string]bool)}
	if err := w.message(m, nil); err != nil || len(w.found) == 0 {
		return nil, err
	}
	short, err := s.named(w.needed(), json)
	if err == nil && (&protoCheck{protoSet: s, given: short}).check(m) == nil {
		return short, (&protoCheck{protoSet: s, given: short, notes: true}).check(m)
	}
	whole, err := s.named(w.found, json)
	if err != nil {
		return nil, err
	}
	return whole, (&protoCheck{protoSet: s, given: whole, notes: true}).check(m)
}

// needed returns what was found without the paths that match nothing but what
// another path matches, which has a descendant step.
func (w *protoWalker) needed() (needed []protoTagged) {
	fields := make(map[string]protoreflect.FullName, len(w.found))
	for _, f := range w.found {
		fields[f.at.String()] = f.field
	}
	within := func(f protoTagged) bool {
		for end := range f.at {
			for from := end; from < len(f.at); from++ {
				if f.at[from].name == "" || from == end && strings.HasPrefix(f.at[from].text, "..") {
					continue
				}
				wider := append(append(path{}, f.at[:end]...), f.at[from:].deep()...)
				if fields[wider.String()] == f.field {
					return true
				}
			}
		}
		return false
	}
	for _, f := range w.found {
		if !within(f) {
			needed = append(needed, f)
		}
	}
	return needed
}

// named returns the rules of what was found: with json by each mixture of
// names, since parsers of JSON take each name by itself.
func (s *protoSet) named(found []protoTagged, json bool) (rules []Rule, err error) {
	for _, f := range found {
		paths := []string{"$"}
		for _, step := range f.at {
			paths = step.append(paths, json)
			if len(paths) > maxNames {
				return nil, errorf("%s has more than %d names in JSON: leave them out if no JSON is sent, and write rules with .. otherwise", f.field, maxNames)
			}
		}
		for _, p := range paths {
			rules = append(rules, Rule{Path: p, Tag: s.tags[f.field]})
		}
	}
	slices.SortFunc(rules, func(a, b Rule) int { return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Tag, b.Tag)) })
	return slices.Compact(rules), nil
}

// append adds a step to each of paths, by both of its names.
func (s step) append(paths []string, json bool) (longer []string) {
	for _, p := range paths {
		longer = append(longer, p+s.text)
		if json && s.json != "" {
			longer = append(longer, p+s.json)
		}
	}
	return longer
}

// A protoCheck follows every field that rules can match, as package
// codec/protobuf does, and compares its tag with what the rules say.
type protoCheck struct {
	*protoSet
	given []Rule
	notes bool // of fields that get a tag although they have none
	sel   *codec.Selector
	seen  map[string]bool // messages at a place, by the state of the place
	todo  []protoPlace
}

// A protoPlace is a message at a place.
type protoPlace struct {
	message protoreflect.MessageDescriptor
	at      codec.Cursor
}

// check fails if a field does not get its tag.
func (c *protoCheck) check(m protoreflect.MessageDescriptor) error {
	rules := make([]codec.Rule, len(c.given))
	for i, r := range c.given {
		if i > 0 && c.given[i-1].Path == r.Path {
			return errorf("%s is tagged %s and %s, in messages that contain themselves", r.Path, c.given[i-1].Tag, r.Tag)
		}
		rules[i].Path = r.Path
	}
	var err error
	if c.sel, err = codec.NewSelector(rules); err != nil {
		return errorf("%v", err)
	}
	c.seen = make(map[string]bool)
	c.visit(m, c.sel.Root())
	for len(c.todo) > 0 {
		p := c.todo[len(c.todo)-1]
		c.todo = c.todo[:len(c.todo)-1]
		for _, f := range c.Fields(p.message) {
			if err := c.field(f, p.at); err != nil {
				return err
			}
		}
		if len(c.seen) > maxSteps {
			return errorf("the messages refer to each other in too many ways")
		}
	}
	return nil
}

// visit adds a message at a place, if rules can match in it.
func (c *protoCheck) visit(m protoreflect.MessageDescriptor, at codec.Cursor) {
	switch m.FullName() {
	case structName, listName, valueName, stringName, bytesName:
		return
	}
	key := string(at.AppendState([]byte(m.FullName() + " ")))
	if !at.Live() || c.seen[key] {
		return
	}
	c.seen[key] = true
	if m.FullName() != anyName {
		c.todo = append(c.todo, protoPlace{m, at})
		return
	}
	for _, any := range c.Messages {
		c.visit(any, at)
	}
}

// field compares the rule of a field with its tag.
func (c *protoCheck) field(f protoreflect.FieldDescriptor, message codec.Cursor) error {
	name, json := string(f.Name()), f.JSONName()
	if f.IsExtension() {
		name = "[" + string(f.FullName()) + "]"
		json = name
	}
	at := below(message, c.sel.Named([]byte(name)), c.sel.Named([]byte(json)))
	whole := at.Owner()
	if whole < 0 && f.Cardinality() == protoreflect.Repeated {
		at = below(at, codec.AnyStep, codec.AnyStep)
	}
	want, got, value := c.tags[f.FullName()], "", valueOf(f)
	if rule := at.Owner(); rule >= 0 {
		got = c.given[rule].Tag
	}
	switch {
	case want == "" && got != "" && !c.notes:
	case want == "" && got != "" && (!isSealable(value) || whole >= 0 && f.Cardinality() == protoreflect.Repeated):
		c.note("%s also ends at %s, which cannot be sealed: messages that have it there are refused", c.given[at.Owner()].Path, f.FullName())
	case want == "" && got != "":
		c.note("%s also takes %s, which has no tag", c.given[at.Owner()].Path, f.FullName())
	case want != got:
		return errorf("%s is tagged %s, and the path of another field, tagged %s, takes it", f.FullName(), want, cmp.Or(got, "nothing"))
	case want == "" && value.Message() != nil:
		c.visit(value.Message(), at)
	}
	return nil
}

func below(at codec.Cursor, a, b codec.Step) (below codec.Cursor) {
	below.Set(at)
	below.Advance(a, b)
	return below
}
