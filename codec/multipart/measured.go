package multipart

import (
	"strconv"

	"github.com/sealmesh/sealmesh/codec"
)

// keptSpare is the number of measured parts of one chunk that a recycled
// scanner keeps room for.
const keptSpare = 1024

// A measured is the [codec.Encoder] of a part with a Content-Length. What it
// replaces begins with the digits of the length, so it is held from there on.
type measured struct {
	encoder
	front  []byte // what the body has between the digits and the content
	reader *reader
}

// measure returns the Encoder of a part whose value ends in this chunk. It is
// spare again when it has written the part.
func (r *reader) measure(front []byte, e encoder) *measured {
	n := len(r.spare)
	if n == 0 {
		return &measured{e, front, r}
	}
	m := r.spare[n-1]
	r.spare = r.spare[:n-1]
	m.encoder, m.front = e, front
	return m
}

// Encode implements [codec.Encoder].
func (m *measured) Encode(out *codec.Output, _, got []byte, kind codec.Kind) (fault string) {
	held := codec.GetBuffer(len(got)) // got is where out writes next
	defer codec.PutBuffer(held)
	content, fault := m.content(*held, got, kind)
	if fault != "" {
		return fault
	}
	if kind != codec.Literal {
		content = append(*held, content...)
	}
	out.Commit(strconv.AppendInt(out.Tail(len("9223372036854775807")), int64(len(content)), 10))
	out.Put(m.front)
	out.Put(content)
	m.front = nil
	if len(m.reader.spare) < keptSpare {
		m.reader.spare = append(m.reader.spare, m)
	}
	return ""
}
