package xml

import (
	"bytes"

	"github.com/sealmesh/sealmesh/codec"
)

// declaration is the binding of attributes that declare a namespace.
const isDeclaration = -4

// resolve declares the namespaces of the start tag that begins at p[i], and
// finds those of its names. It returns the binding of the element.
func (m *marker) resolve(p []byte, i int) (space int, ok bool) {
	t := &m.tag
	t.null = false
	if m.holdsName(p, i, t.name, t.nameEnd) {
		return 0, false
	}
	for k := range t.attributes {
		a := &t.attributes[k]
		if a.nameEnd-a.name > m.limits.NameBytes {
			m.refuse(codec.NameLimit, a.name, i, nameDetail)
			return 0, false
		}
		if m.holdsName(p, i, a.name, a.nameEnd) {
			return 0, false
		}
		if prefix, ok := a.declares(p); ok {
			a.space = isDeclaration
			if fault := m.spaces.declare(prefix, p[a.value:a.end], m.rules.tables); fault != "" {
				m.malformed(a.name, i, fault)
				return 0, false
			}
		}
	}
	for k := range t.attributes {
		a := &t.attributes[k]
		if a.space == noSpace && a.colon >= 0 {
			if a.space, ok = m.spaces.resolve(p[a.name:a.colon]); !ok {
				m.malformed(a.name, i, prefixDetail)
				return 0, false
			}
		}
		for _, b := range t.attributes[:k] {
			if m.spaces.twice(p, a, &b) {
				m.malformed(a.name, i, "an element has an attribute twice, or would have elsewhere")
				return 0, false
			}
		}
	}
	space, ok = m.spaces.resolve(p[t.name:max(t.name, t.colon)])
	if !ok {
		m.malformed(t.name, i, prefixDetail)
	}
	return space, ok
}

const prefixDetail = "a prefix is not declared"

// holdsName reports whether a name in the tag that begins at p[i] holds an
// envelope, and refuses the body then.
func (m *marker) holdsName(p []byte, i, name, end int) bool {
	if end-name < codec.HeadLen || !refusesValue(m.guard, p[name:end], false) {
		return false
	}
	m.refuse(codec.EnvelopeFound, name, i, envelopeDetail)
	return true
}

// declares returns the prefix that a declares, empty for the default namespace.
func (a *attribute) declares(p []byte) (prefix []byte, ok bool) {
	const xmlns = "xmlns"
	if a.colon < 0 {
		return nil, string(p[a.name:a.nameEnd]) == xmlns
	}
	return p[a.colon+1 : a.nameEnd], string(p[a.name:a.colon]) == xmlns
}

// twice reports whether two attributes of an element have the same name, or may
// have.
func (n *namespaces) twice(p []byte, a, b *attribute) bool {
	if (a.colon < 0) != (b.colon < 0) || a.nameEnd-a.local() != b.nameEnd-b.local() || p[a.nameEnd-1] != p[b.nameEnd-1] {
		return false
	}
	return bytes.Equal(p[a.local():a.nameEnd], p[b.local():b.nameEnd]) && (a.colon < 0 || n.same(a.space, b.space))
}

// ruled reports whether rules name the namespace of a binding.
func (m *marker) ruled(space int) bool {
	switch space {
	case noSpace:
		return m.rules.tables.names(nil)
	case xmlPrefix:
		return m.rules.tables.names(xmlURI)
	case unknown:
		return false
	}
	return m.spaces.bindings[space].ruled
}

// attributes finds the tagged values among the attributes of the tag that
// begins at p[i], if rules may own one.
func (m *marker) attributes(p []byte, i int, live bool) bool {
	for k := range m.tag.attributes {
		a := &m.tag.attributes[k]
		if m.rules.sel != nil && m.refers(p, a) {
			m.malformed(a.name, i, "an element refers to its value elsewhere in the message")
			return false
		}
		rule := -1
		if m.instance(p, a) {
			m.tag.null = m.tag.null || m.isNull(p, a)
		} else if live && a.space != isDeclaration {
			rule = m.rules.attribute(p[a.local():a.nameEnd], m.spaces.uri(a.space), m.ruled(a.space))
		}
		if refusesValue(m.guard, p[a.value:a.end], a.odd) && (rule < 0 || !takes(m.rules.sel.Rule(rule), a.odd)) {
			m.refuse(codec.EnvelopeFound, a.value, i, envelopeDetail)
			return false
		}
		if rule < 0 {
			continue
		}
		if !m.beginContent(rule, a.value, i, false) {
			return false
		}
		f, ok := m.take(a.end)
		if !ok {
			return false
		}
		at, encoder := codec.XMLDoubleAttribute, &m.value.encoders.double
		if a.quote == '\'' {
			at, encoder = codec.XMLSingleAttribute, &m.value.encoders.single
		}
		m.textOrRaw(&f, at, a.odd)
		m.tags.Put(f, encoder, 0)
	}
	return true
}

// instance reports whether a is one of the four attributes that XML Schema
// defines for every document. They say what an element is, and no rule tags
// them.
func (m *marker) instance(p []byte, a *attribute) bool {
	if a.space < 0 || !m.spaces.bindings[a.space].instance {
		return false
	}
	switch string(p[a.local():a.nameEnd]) {
	case "nil", "type", "schemaLocation", "noNamespaceSchemaLocation":
		return true
	}
	return false
}

// refers reports whether a says that the value of an element is elsewhere in
// the message, as the encodings of SOAP 1.1 (href="#id") and 1.2 (enc:ref) may.
// No path finds such a value.
func (m *marker) refers(p []byte, a *attribute) bool {
	local := p[a.local():a.nameEnd]
	if a.space >= 0 {
		return m.spaces.bindings[a.space].encoding && string(local) == "ref"
	}
	return m.soap && a.space == noSpace && string(local) == "href" && (a.odd || bytes.HasPrefix(p[a.value:a.end], []byte("#")))
}

// isNull reports whether a, which instance has recognised, says that an element
// is null.
func (m *marker) isNull(p []byte, a *attribute) bool {
	if string(p[a.local():a.nameEnd]) != "nil" {
		return false
	}
	v := appendValue(m.tags.Scratch.Tail(a.end-a.value), p[a.value:a.end])
	v = bytes.Trim(v, " \t\r\n")
	return string(v) == "true" || string(v) == "1"
}
