package apischema

import "fmt"

// maxSteps bounds the work on a document whose types refer to each other in
// many ways: each way is a path of its own.
const maxSteps = 200_000

// A document is a parsed schema, and which of its tags have led to a rule.
type document struct {
	root  *node
	used  map[*node]bool
	steps int
	notes []string
}

// A walker finds the tagged values that one schema describes.
type walker struct {
	*document
	request bool // a body of a request; false: of a response
	xml     bool // a body that may be XML
	found   []tagged
	open    []visit // the types that the walk is inside of
}

// A tagged is a value that a tag was found for.
type tagged struct {
	at  path
	tag *node
}

// A visit is a type that the walk is inside of.
type visit struct {
	typ       *node
	at        path
	first     int // of what was found inside, in walker.found
	recursive bool
}

// schema walks n, which describes the value at a path. use is the tag of what
// refers to n, or nil.
func (w *walker) schema(n *node, at path, use *node) error {
	if w.steps++; w.steps > maxSteps {
		return n.errorf("the types refer to each other in too many ways")
	}
	if tag := n.get(Keyword); tag != nil {
		if tag.scalar == "" {
			return tag.errorf("%s is the name of a tag", Keyword)
		}
		if use == nil {
			use = tag
			w.found = append(w.found, tagged{at, tag})
		}
		w.used[tag] = true // also where the use has a tag of its own
	}
	if ref := n.get("$ref"); ref != nil {
		typ, err := w.resolve(ref)
		if err == nil {
			err = w.enter(typ, at, use)
		}
		if err != nil {
			return err
		}
	}
	if n.get("$dynamicRef") != nil || n.get("$recursiveRef") != nil {
		return n.errorf("dynamic references are not supported")
	}
	if err := w.sameValue(n, at, use); err != nil {
		return err
	}
	if use != nil {
		return w.covered(n, use)
	}
	if err := w.members(n, at); err != nil {
		return err
	}
	return w.elements(n, at)
}

// enter walks a type that is referred to. A type inside itself repeats its tags
// at any depth.
func (w *walker) enter(typ *node, at path, use *node) error {
	for i := range w.open {
		if v := &w.open[i]; v.typ == typ {
			v.recursive = v.recursive || use == nil && len(at) > len(v.at)
			return nil
		}
	}
	w.open = append(w.open, visit{typ, at, len(w.found), false})
	err := w.schema(typ, at, use)
	v := w.open[len(w.open)-1]
	w.open = w.open[:len(w.open)-1]
	if err != nil || !v.recursive {
		return err
	}
	for _, f := range w.found[v.first:] {
		deep, ok := f.at.anywhere(len(v.at))
		if !ok {
			return f.tag.errorf("the type at %s contains itself, and the way to this tag has no name", v.at)
		}
		w.found = append(w.found, tagged{deep, f.tag})
		w.note("%s: the type at %s contains itself, so the rule matches the name at any depth", deep, v.at)
	}
	return nil
}

// sameValue walks the schemas in n that describe the same value as n.
func (w *walker) sameValue(n *node, at path, use *node) error {
	for i, key := range n.keys {
		v := n.values[i]
		switch key {
		case "allOf", "anyOf", "oneOf", "dependentSchemas":
			for _, s := range v.values {
				if err := w.schema(s, at, use); err != nil {
					return err
				}
			}
		case "if", "then", "else", "not":
			if err := w.schema(v, at, use); err != nil {
				return err
			}
		}
	}
	return nil
}

// members walks what describes the members of an object.
func (w *walker) members(n *node, at path) error {
	before := len(w.found)
	if p := n.get("properties"); p != nil {
		for i, name := range p.keys {
			if err := w.property(name, p.values[i], at); err != nil {
				return err
			}
		}
	}
	if more := n.get("additionalProperties"); more != nil && more.scalar == "true" && len(w.found) > before {
		w.note("%s: the object may have members that the schema does not describe; rules match described ones only", at)
	}
	for _, key := range []string{"additionalProperties", "unevaluatedProperties"} {
		if s := n.get(key); s != nil {
			if err := w.schema(s, at.with(anyMember), nil); err != nil {
				return err
			}
		}
	}
	if p := n.get("patternProperties"); p != nil {
		for _, s := range p.values {
			was := len(w.found)
			if err := w.schema(s, at.with(anyMember), nil); err != nil {
				return err
			}
			if len(w.found) > was {
				w.note("%s: rules know no patterns of names, so the rule matches every member", at.with(anyMember))
			}
		}
	}
	return nil
}

// property walks one property, unless the direction does not have it.
func (w *walker) property(name string, s *node, at path) error {
	hidden := "readOnly"
	if !w.request {
		hidden = "writeOnly"
	}
	if s.text(hidden) == "true" {
		return nil
	}
	to := member(name)
	if w.xml {
		to = w.xmlMember(name, s)
	}
	return w.schema(s, at.with(to), nil)
}

// elements walks what describes the elements of an array.
func (w *walker) elements(n *node, at path) error {
	for _, key := range []string{"items", "contains", "additionalItems", "unevaluatedItems"} {
		s := n.get(key)
		if s == nil {
			continue
		}
		if key == "items" && !s.object && len(s.values) > 0 { // before draft 2020-12
			if err := w.tuple(s, at); err != nil {
				return err
			}
			continue
		}
		to := at.with(anyElement)
		if w.xml {
			to = w.xmlItems(n, s, at)
		}
		if err := w.schema(s, to, nil); err != nil {
			return err
		}
	}
	if s := n.get("prefixItems"); s != nil {
		return w.tuple(s, at)
	}
	return nil
}

func (w *walker) tuple(list *node, at path) error {
	for i, s := range list.values {
		if err := w.schema(s, at.with(element(i)), nil); err != nil {
			return err
		}
	}
	return nil
}

// covered marks the tags inside n, whose value the tag use takes whole. Another
// tag there would have no effect.
func (w *walker) covered(n, use *node) error {
	for i, v := range n.values {
		if n.object && n.keys[i] == Keyword {
			continue
		}
		if tag := v.get(Keyword); tag != nil && !w.used[tag] {
			if tag.scalar != use.scalar {
				return tag.errorf("tag %s has no effect: %s in line %d takes the value that it is in", tag.scalar, use.scalar, use.line)
			}
			w.used[tag] = true
		}
		if err := w.covered(v, use); err != nil {
			return err
		}
	}
	return nil
}

func (d *document) note(format string, args ...any) {
	d.notes = append(d.notes, fmt.Sprintf(format, args...))
}
