package apischema

import (
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// Messages that the JSON of protobuf writes in a way of their own.
const (
	anyName    = "google.protobuf.Any"
	structName = "google.protobuf.Struct"
	listName   = "google.protobuf.ListValue"
	valueName  = "google.protobuf.Value"
	stringName = "google.protobuf.StringValue"
	bytesName  = "google.protobuf.BytesValue"
)

// A protoWalker finds the tagged values of one message.
type protoWalker struct {
	*protoSet
	steps int
	found []protoTagged
	seen  map[string]bool // paths in found
	open  []protoVisit    // the messages that the walk is inside of
}

// A protoTagged is a value that a tag was found for.
type protoTagged struct {
	at    path
	field protoreflect.FullName
}

// A protoVisit is a message that the walk is inside of.
type protoVisit struct {
	name  protoreflect.FullName
	at    path
	first int    // of what was found inside, in protoWalker.found
	again []path // the ways by which the message contains itself: the last field of each
}

// message walks the fields of m, which is at a path.
func (w *protoWalker) message(m protoreflect.MessageDescriptor, at path) error {
	if !w.reaches[m.FullName()] {
		return nil
	}
	if w.steps++; w.steps > maxSteps {
		return errorf("the messages refer to each other in too many ways")
	}
	if i := w.visited(m); i >= 0 {
		segments := split(at[len(w.open[i].at):])
		w.open[i].again = append(w.open[i].again, segments[len(segments)-1])
		return nil
	}
	w.open = append(w.open, protoVisit{name: m.FullName(), at: at, first: len(w.found)})
	var err error
	if m.FullName() == anyName {
		err = w.any(at)
	} else {
		for _, f := range w.Fields(m) {
			if err = w.field(f, at); err != nil {
				break
			}
		}
	}
	v := w.open[len(w.open)-1]
	w.open = w.open[:len(w.open)-1]
	if err == nil && len(v.again) > 0 {
		w.repeat(&v)
	}
	return err
}

func (w *protoWalker) visited(m protoreflect.MessageDescriptor) int {
	for i := range w.open {
		if w.open[i].name == m.FullName() {
			return i
		}
	}
	return -1
}

// any walks what an Any may hold: every message of the set. An Any in an Any is
// at the same path.
func (w *protoWalker) any(at path) error {
	for _, m := range w.Messages {
		if m.FullName() == anyName {
			continue
		}
		if err := w.message(m, at); err != nil {
			return err
		}
	}
	return nil
}

// field walks one field of the message at a path.
func (w *protoWalker) field(f protoreflect.FieldDescriptor, at path) error {
	name, json := string(f.Name()), f.JSONName()
	if f.IsExtension() {
		name = "[" + string(f.FullName()) + "]"
		json = name
	}
	to := member(name)
	if json != name {
		to.json = member(json).text
	}
	at = at.with(to)
	switch {
	case f.IsMap():
		at = at.with(anyMember)
	case f.IsList():
		at = at.with(anyElement)
	}
	value := valueOf(f)
	if w.tags[f.FullName()] != "" {
		if !isSealable(value) {
			return errorf("%s has a tag, and only string and bytes can be sealed, not %s", f.FullName(), kindOf(value))
		}
		w.add(at, f.FullName())
		return nil
	}
	if value.Message() == nil {
		return nil
	}
	before := len(w.found)
	err := w.message(value.Message(), at)
	if err == nil && value.Kind() == protoreflect.GroupKind && len(w.found) > before {
		return errorf("%s is a group, which sealmesh refuses, and %s in it has a tag", f.FullName(), w.found[before].field)
	}
	return err
}

func (w *protoWalker) add(at path, field protoreflect.FullName) {
	w.used[field] = true
	if key := at.String(); !w.seen[key] {
		w.seen[key] = true
		w.found = append(w.found, protoTagged{at, field})
	}
}

// repeat adds what was found in a message that contains itself once more, at
// any depth. A path ends with the field that the innermost message is in, so
// that it matches no field of the same name elsewhere.
func (w *protoWalker) repeat(v *protoVisit) {
	for _, f := range w.found[v.first:len(w.found):len(w.found)] {
		segments := split(f.at[len(v.at):])
		last := segments[len(segments)-1]
		ways := v.again
		if n := len(segments); n > 1 {
			ways = segments[n-2 : n-1]
		}
		for _, way := range ways {
			w.add(append(append(v.at[:len(v.at):len(v.at)], way.deep()...), last...), f.field)
		}
	}
}

// split cuts a path that begins with a field into its fields, each with the
// steps to its elements.
func split(p path) (segments []path) {
	from := 0
	for i := range p {
		if i > from && p[i].name != "" {
			segments = append(segments, p[from:i:i])
			from = i
		}
	}
	return append(segments, p[from:])
}

// deep returns p with a first step that is a descendant one.
func (p path) deep() path {
	deep := append(path{}, p...)
	for _, text := range []*string{&deep[0].text, &deep[0].json} {
		if *text != "" && !strings.HasPrefix(*text, "..") {
			*text = ".." + strings.TrimPrefix(*text, ".")
		}
	}
	return deep
}

// isSealable reports whether a value of f can be sealed.
func isSealable(f protoreflect.FieldDescriptor) bool {
	switch f.Kind() {
	case protoreflect.StringKind, protoreflect.BytesKind:
		return true
	case protoreflect.MessageKind:
		switch f.Message().FullName() {
		case valueName, stringName, bytesName:
			return true
		}
	}
	return false
}

func kindOf(f protoreflect.FieldDescriptor) string {
	if m := f.Message(); m != nil {
		return string(m.FullName())
	}
	return f.Kind().String()
}
