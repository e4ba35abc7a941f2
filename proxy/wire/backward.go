package wire

import "google.golang.org/protobuf/encoding/protowire"

// backward encodes a message from its end to its start, so that the length of
// each submessage is known when its prefix is written. Write the last field
// first. The buffer must be large enough: see Reply.bound.
type backward struct {
	buf   []byte
	at    int // buf[at:] has been written
	after int // bytes of the message that will follow buf
}

// mark returns the number of bytes from here to the end of the message.
func (w *backward) mark() int { return len(w.buf) - w.at + w.after }

func (w *backward) varint(v uint64) {
	w.at -= protowire.SizeVarint(v)
	protowire.AppendVarint(w.buf[w.at:w.at], v)
}

// number writes a varint field.
func (w *backward) number(n, v uint64) {
	w.varint(v)
	w.varint(n<<3 | uint64(protowire.VarintType))
}

// text writes a string or bytes field.
func (w *backward) text(n uint64, s string) {
	w.at -= len(s)
	copy(w.buf[w.at:], s)
	w.varint(uint64(len(s)))
	w.varint(n<<3 | uint64(protowire.BytesType))
}

// message makes a submessage, field n, of what was written since mark returned
// end.
func (w *backward) message(n uint64, end int) {
	w.varint(uint64(w.mark() - end))
	w.varint(n<<3 | uint64(protowire.BytesType))
}
