package wire

import "google.golang.org/protobuf/encoding/protowire"

// backward writes a message from its end to its start, so that the length of every
// submessage is known when it is written. Fields are written last first. The buffer has
// to be large enough.
type backward struct {
	buf   []byte
	at    int // buf[at:] is written
	after int // bytes that will follow buf and belong to the message
}

// mark returns the bytes from here to the end of the message.
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

// message makes everything since end a submessage, field n.
func (w *backward) message(n uint64, end int) {
	w.varint(uint64(w.mark() - end))
	w.varint(n<<3 | uint64(protowire.BytesType))
}
