package codec

// A held keeps a copy of what a chunk cut, until the rest of it comes. Its memory is
// pooled and cleared, and so is every smaller buffer that it grew out of.
type held struct{ buf *[]byte }

func (h *held) add(p []byte) {
	if len(p) == 0 {
		return
	}
	need := h.len() + len(p)
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

func (h *held) bytes() []byte {
	if h.buf == nil {
		return nil
	}
	return *h.buf
}

func (h *held) len() int { return len(h.bytes()) }

func (h *held) drop() {
	if h.buf != nil {
		PutBuffer(h.buf)
		h.buf = nil
	}
}
