package xml

import "github.com/sealmesh/sealmesh/codec"

// A marker is the part of a scanner that knows the open elements: it resolves
// names, and marks tagged values in the Splicer of the body.
type marker struct {
	base int64 // offset in the body of the piece being read
	err  error

	tag      tag // the start tag that was read last
	open     []element
	names    []byte // of the open elements
	spaces   namespaces
	security int // open elements around and with the outermost signed or encrypted one, 0 for none

	guard  *codec.Guard // never nil
	limits codec.Limits
	rules  matcher
	value  value
	tags   *codec.Splicer // of the body
}

// malformed records that byte i of the piece cannot be where it is. The token
// that it is part of begins at index from.
func (m *marker) malformed(i, from int, detail string) int {
	return m.refuse(codec.Malformed, i, from, detail)
}

// refuse records the error of the body: byte i of the piece, in a token that
// begins at index from.
func (m *marker) refuse(code codec.Code, i, from int, detail string) int {
	known := m.base + int64(from)
	e := m.tags.Refuse(code, known, detail)
	if _, over := m.tags.Outgrown(known); !over {
		e.Offset = m.base + int64(i)
	}
	m.err = e
	return -1
}
