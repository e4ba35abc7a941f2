package xml

import "github.com/sealmesh/sealmesh/codec"

// A value is the tagged content that is being read.
type value struct {
	depth    int  // open elements around it
	null     bool // the element has xsi:nil
	odd      bool // it has references, CDATA, or characters that are escaped
	mixed    bool // it has elements
	envelope bool // it holds an envelope, which its rule takes in a text
	encoders encoders
}

// begin begins the content of an element.
func (v *value) begin(depth int, null bool) {
	v.depth, v.null, v.odd, v.mixed, v.envelope = depth, null, false, false, false
}

// Encoders are the encoders of a document. Those of content differ in which
// prefixes are declared.
type encoders struct {
	none, double, single encoder
	contents             []*encoder
	used                 int
}

func (e *encoders) begin(s scope) {
	e.none = encoder{}
	e.double = encoder{at: codec.XMLDoubleAttribute}
	e.single = encoder{at: codec.XMLSingleAttribute}
	e.used = 0
	e.content(s)
}

// keptEncoders is the number of encoders that a recycled scanner keeps.
const keptEncoders = 64

func (e *encoders) free() {
	if len(e.contents) > keptEncoders {
		clear(e.contents[keptEncoders:])
		e.contents = e.contents[:keptEncoders]
	}
}

// content returns the encoder of content in which the prefixes of s are bound.
func (e *encoders) content(s scope) *encoder {
	if e.used > 0 && e.contents[e.used-1].scope == s {
		return e.contents[e.used-1]
	}
	if e.used == len(e.contents) {
		e.contents = append(e.contents, new(encoder))
	}
	c := e.contents[e.used]
	e.used++
	*c = encoder{at: codec.XMLContent, scope: s}
	return c
}

// scope returns the scope of content at this place.
func (m *marker) scope() scope {
	return scope{spaces: &m.spaces, bound: m.spaces.bound, depth: m.limits.Depth}
}

// beginContent begins content that rule owns, at p[i].
func (m *marker) beginContent(rule, i, from int, null bool) bool {
	if m.security > 0 {
		m.malformed(from, from, "a tagged value is in a signed or encrypted element")
		return false
	}
	if !m.tags.Begin(rule, m.base+int64(i)) {
		m.refuse(codec.FieldLimit, i, from, "more tagged values than the limit")
		return false
	}
	m.value.begin(len(m.open), null)
	return true
}

// endContent ends the tagged content, before p[i].
func (m *marker) endContent(i int, encoder *encoder) bool {
	f, ok := m.take(i)
	if !ok {
		return false
	}
	v := &m.value
	switch {
	case len(f.Value) == 0 && (v.null || encoder.at == 0):
		f.Kind, f.Null = codec.Text, true
		encoder = &v.encoders.none
	case v.mixed:
		m.raw(&f, codec.XMLContent)
	default:
		m.textOrRaw(&f, codec.XMLContent, v.odd)
	}
	m.tags.Put(f, encoder, 0)
	return true
}

// take ends the tagged value, before p[i].
func (m *marker) take(i int) (codec.Field, bool) {
	at, _ := m.tags.Outgrown(0)
	f, ok := m.tags.Take(m.base + int64(i))
	if !ok {
		start := int(at - m.base)
		m.refuse(codec.ValueLimit, start, start, "a tagged value is longer than the limit")
	}
	return f, ok
}

// textOrRaw makes f a Text, or a Raw value where the text would not give the
// same bytes again and its rule does not ask for text. odd is false if the text
// is the value.
func (m *marker) textOrRaw(f *codec.Field, at codec.Position, odd bool) {
	if !odd {
		f.Kind = codec.Text
		return
	}
	rule := m.rules.sel.Rule(f.Rule)
	if !rule.Unescape && !rule.Open && !canonical(f.Value, at) {
		m.raw(f, at)
		return
	}
	text := m.tags.Scratch.Tail(len(f.Value))
	if at == codec.XMLContent {
		text = appendText(text, f.Value)
	} else {
		text = appendValue(text, f.Value)
	}
	m.tags.Scratch.Commit(text)
	f.Kind, f.Value = codec.Text, text
}

// raw makes f a Raw value.
func (m *marker) raw(f *codec.Field, at codec.Position) {
	v := append(m.tags.Scratch.Tail(1+len(f.Value)), byte(at))
	v = append(v, f.Value...)
	m.tags.Scratch.Commit(v)
	f.Kind, f.Value = codec.Raw, v
}
