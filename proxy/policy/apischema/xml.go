package apischema

import "strings"

// xmlMember returns the step to a property of a body that is XML, as the xml
// object of OpenAPI names it.
func (w *walker) xmlMember(name string, s *node) step {
	x := w.xmlObject(s)
	if own := x.text("name"); own != "" {
		name = own
	}
	if x.text("attribute") == "true" {
		return member("@" + name)
	}
	return member(name)
}

// xmlRoot returns the step to the root element: what the xml object calls it,
// or else the type that the schema refers to.
func (w *walker) xmlRoot(s *node) step {
	if name := w.xmlObject(s).text("name"); name != "" {
		return member(name)
	}
	if ref := s.text("$ref"); ref != "" {
		return member(ref[strings.LastIndexByte(ref, '/')+1:])
	}
	return anyMember
}

// xmlItems returns the path of the elements of an array: they repeat the
// element of the array, or are inside it if it is wrapped. One rule matches all
// elements with a name.
func (w *walker) xmlItems(array, item *node, at path) path {
	name := w.xmlObject(item).text("name")
	switch {
	case w.xmlObject(array).text("wrapped") == "true":
		if name == "" {
			name = at.last()
		}
		return at.with(member(name))
	case name != "" && len(at) > 0:
		return at[:len(at)-1].with(member(name))
	}
	return at
}

// xmlObject returns the xml object of s or of what s refers to, or nil.
func (w *walker) xmlObject(s *node) *node {
	for range maxNesting {
		if x := s.get("xml"); x != nil {
			return x
		}
		ref := s.get("$ref")
		if ref == nil {
			return nil
		}
		var err error
		if s, err = w.resolve(ref); err != nil {
			return nil // the walk reports it
		}
	}
	return nil
}
