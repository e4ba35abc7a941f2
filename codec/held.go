package codec

// A Held keeps a copy of what a chunk cut until the rest of it comes. Its
// memory is pooled and is cleared before it is given back, and so is every
// smaller buffer that it grew out of. The zero value is ready. Not safe for
// concurrent use.
type Held struct{ buf *[]byte }

// Add appends a copy of p.
func (h *Held) Add(p []byte) {
	if len(p) == 0 {
		return
	}
	need := h.Len() + len(p)
	if h.buf == nil || cap(*h.buf) < need {
		b := GetBuffer(need + need/2)
		if h.buf != nil {
			*b = append(*b, *h.buf...)
			PutBuffer(h.buf)
		}
		h.buf = b
	}
	*h.buf = append(*h.buf, p...)
}

// Bytes returns what is held. It is valid until the next Add or Drop.
func (h *Held) Bytes() []byte {
	if h.buf == nil {
		return nil
	}
	return *h.buf
}

// Len returns the number of bytes held.
func (h *Held) Len() int { return len(h.Bytes()) }

// Drop clears what is held.
func (h *Held) Drop() {
	if h.buf != nil {
		PutBuffer(h.buf)
		h.buf = nil
	}
}
