package codec

import "encoding/binary"

// lengthBytes is the length of the prefix of a frame, in bytes.
const lengthBytes = 4

// A lengthPrefix is where a body says how long a message is that has tagged
// values: before the message.
type lengthPrefix struct {
	at, end int64 // offsets of the prefix, and of the end of the message
	grown   int   // bytes by which the message becomes longer
	written []byte
}

// Framed notes that four bytes at offset at are the length of the message that
// follows them and ends before offset end, as a big-endian number. Splice
// writes what the length becomes. A Scanner calls it after the tagged values of
// the message, all of which are in what it reads at once: until then it holds
// the message.
func (s *Splicer) Framed(at, end int64) {
	if n := len(s.spans); n > 0 && s.spans[n-1].start > at {
		s.prefixes = append(s.prefixes, lengthPrefix{at: at, end: end})
	}
}

// lengthPrefixes are those of a chunk, in order.
type lengthPrefixes []lengthPrefix

// pass is Splicer.pass, and leaves room for the lengths of messages on the way.
// next is the index of the first of them.
func (l lengthPrefixes) pass(s *Splicer, out *Output, from, to int64, next int) int {
	for ; next < len(l) && l[next].at < to; next++ {
		p := &l[next]
		s.pass(out, from, p.at)
		p.written = append(out.Tail(lengthBytes), make([]byte, lengthBytes)...)
		out.Commit(p.written)
		from = p.at + lengthBytes
	}
	s.pass(out, from, to)
	return next
}

// write writes the lengths of the messages.
func (l lengthPrefixes) write() {
	for i := range l {
		p := &l[i]
		binary.BigEndian.PutUint32(p.written, uint32(p.end-p.at-lengthBytes+int64(p.grown)))
	}
}
