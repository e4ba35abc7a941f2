package multipart

// A search looks for the boundary in the content of a part, which comes in
// pieces.
type search struct {
	delimiter delimiter
	tail      tail
}

// A tail is the end of the content that earlier pieces had.
type tail struct {
	bytes [len(delimiter{}.text)]byte
	n     int
}

func (t *tail) get() []byte { return t.bytes[:t.n] }

// add makes p the end of the content, of which t keeps n bytes at most.
func (t *tail) add(p []byte, n int) {
	if len(p) >= n {
		t.n = copy(t.bytes[:], p[len(p)-n:])
		return
	}
	if over := t.n + len(p) - n; over > 0 {
		t.n = copy(t.bytes[:], t.bytes[over:t.n])
	}
	t.n += copy(t.bytes[t.n:], p)
}

// find returns the offset of the first boundary that ends in a piece, which has
// content from piece[i] on and begins at offset base, or -1.
func (s *search) find(piece []byte, i int, base int64) int64 {
	if s.tail.n > 0 {
		var window [2 * len(delimiter{}.text)]byte
		w := append(append(window[:0], s.tail.get()...), piece[:min(len(piece), s.delimiter.n-1)]...)
		if k := s.delimiter.index(w); k >= 0 && k < s.tail.n {
			return base - int64(s.tail.n-k)
		}
	}
	k := s.delimiter.index(piece[i:])
	if k < 0 {
		return -1
	}
	return base + int64(i+k)
}

// before says what is wrong with the bytes before the boundary at an offset.
// start is where the content begins.
func (s *search) before(at, start int64, piece []byte, base int64) (fault string) {
	byteAt := func(at int64) byte {
		if at >= base {
			return piece[at-base]
		}
		return s.tail.bytes[int64(s.tail.n)-(base-at)]
	}
	n := at - start
	switch {
	case n == 0:
		return "a part has no line end between its headers and the boundary"
	case n > 1 && byteAt(at-2) == '\r' && byteAt(at-1) == '\n':
		return ""
	case byteAt(at-1) == '\n', byteAt(at-1) == '\r':
		return "a boundary after a line end that is not CRLF"
	}
	return "the boundary inside a line"
}
