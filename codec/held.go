package codec

// A Held keeps a copy of an incomplete value or name from one chunk to the
// next. Its memory comes from the pool, and is cleared before it returns to the
// pool, also when the Held grows. The zero value is ready. Not safe for
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
